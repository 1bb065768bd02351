"""Each Lua script keeps the contract in its header, and names every key it touches."""

import re
from pathlib import Path

import pytest

LUA = Path(__file__).parent.parent.parent / "service" / "tracking" / "lua"
SCRIPTS = sorted(LUA.glob("*.lua"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_header_names_every_key(path: Path) -> None:
    header, code = _parts(path)
    assert set(re.findall(r"KEYS\[(\d)\]", code)) == set(re.findall(r"KEYS\[(\d)\]", header))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_header_names_every_argument(path: Path) -> None:
    header, code = _parts(path)
    used = set(re.findall(r"ARGV\[(\d)\]", code)) | set(re.findall(r"(?:unpack\(ARGV, |= )(\d)(?:\)|, #ARGV)", code))
    assert used == set(re.findall(r"ARGV\[(\d)(?:\.\.)?\]", header))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script_builds_no_key_itself(path: Path) -> None:
    _, code = _parts(path)
    calls = re.findall(r"redis\.call\('(\w+)'(?:, ([^,)]+))?", code)
    assert calls
    assert all(name == "TIME" or first.startswith("KEYS[") for name, first in calls)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script_stays_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 55


def _parts(path: Path) -> tuple[str, str]:
    lines = path.read_text().splitlines()
    return (
        "\n".join(line for line in lines if line.startswith("--")),
        "\n".join(line for line in lines if not line.startswith("--")),
    )
