"""What was taken from others is as released, and comes with its licence."""

from hashlib import sha256
from pathlib import Path

import pytest

from service.console.pages import STATIC

FOLDERS = {
    STATIC / "htmx": "Zero-Clause BSD",
    STATIC / "uplot": "The MIT License",
    Path(__file__).parent / "axe": "Mozilla Public License",
}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_vendored_files_are_as_released(folder: Path) -> None:
    noted = (folder / "SHA256SUMS").read_text().splitlines()
    files = [path for path in folder.iterdir() if path.name != "SHA256SUMS"]
    assert sorted(noted) == sorted(f"{sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in files)


@pytest.mark.parametrize(("folder", "licence"), FOLDERS.items(), ids=lambda value: getattr(value, "name", None))
def test_licence_comes_with_the_files(folder: Path, licence: str) -> None:
    assert licence in (folder / "LICENSE").read_text()
