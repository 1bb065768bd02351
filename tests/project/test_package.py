"""What is built: a wheel and an archive of the source that lack nothing the service reads at run time."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

BUILD = "import sys; from flit_core import buildapi; buildapi.build_{}(sys.argv[1])"


def build(kind: str, repository: Path, target: Path) -> Path:
    """Build as `pip` would: through the backend's own entry point, from the project's folder."""
    command = [sys.executable, "-c", BUILD.format(kind), str(target)]
    subprocess.run(command, cwd=repository, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"})
    return next(target.iterdir())


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build("wheel", repository, tmp_path_factory.mktemp("wheel")))


def on_disk(repository: Path, *, under: str) -> set[str]:
    found = (path for path in (repository / under).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(repository).as_posix() for path in found}


def test_wheel_holds_every_service_file(repository: Path, wheel: zipfile.ZipFile) -> None:
    assert on_disk(repository, under="service") <= set(wheel.namelist())


@pytest.mark.parametrize("suffix", [".lua", ".css", ".js", ".toml"])
def test_wheel_holds_scripts_and_pages(wheel: zipfile.ZipFile, suffix: str) -> None:
    assert [name for name in wheel.namelist() if name.endswith(suffix)] != []


def test_wheel_holds_nothing_but_service(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"service", "flex_router-0.1.0.dist-info"}


def test_wheel_installs_the_command(wheel: zipfile.ZipFile) -> None:
    text = wheel.read("flex_router-0.1.0.dist-info/entry_points.txt").decode()
    assert "flex-router=service.cli:main" in text.replace(" ", "")


def test_source_archive_holds_tests_and_configuration(repository: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", repository, tmp_path)) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    wanted = {"requirements.lock", "Makefile", "config/gunicorn.conf.py", "tests/project/test_package.py"}
    assert wanted | on_disk(repository, under="service") <= names
