"""The directory that workers share: one a process, gone when it ends, and those of the killed are swept up."""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

from service.metrics.files import PREFIX, YOUNG_S, sweep

MAKE = """
import sys
from service.metrics.files import shared_directory
print(shared_directory(sys.argv[1]), shared_directory(sys.argv[1]), flush=True)
sys.stdin.read()
"""


def started(base: Path) -> tuple["subprocess.Popen[str]", list[str]]:
    command = [sys.executable, "-c", MAKE, str(base)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().split()


def left_behind(base: Path, name: str, *, age_s: float = 2 * YOUNG_S) -> Path:
    directory = base / f"{PREFIX}{name}"
    directory.mkdir()
    (directory / "counter_0.db").write_bytes(b"x")
    os.utime(directory, (time.time() - age_s,) * 2)
    return directory


def test_directory_is_made_once(tmp_path: Path) -> None:
    process, (first, again) = started(tmp_path)
    process.communicate()
    assert first == again


def test_directory_is_private(tmp_path: Path) -> None:
    process, (made, _) = started(tmp_path)
    assert Path(made).stat().st_mode & 0o777 == 0o700
    process.communicate()


def test_directory_goes_with_its_process(tmp_path: Path) -> None:
    process, (made, _) = started(tmp_path)
    assert Path(made).exists()
    process.communicate()
    assert not Path(made).exists()


def test_directory_of_a_killed_server_is_swept(tmp_path: Path) -> None:
    process, (made, _) = started(tmp_path)
    process.kill()
    process.wait()
    os.utime(made, (0, 0))
    sweep(tmp_path)
    assert not Path(made).exists()


def test_directory_of_a_living_server_is_kept(tmp_path: Path) -> None:
    process, (made, _) = started(tmp_path)
    os.utime(made, (0, 0))
    sweep(tmp_path)
    assert Path(made).exists()
    process.communicate()


def test_young_directory_is_kept(tmp_path: Path) -> None:
    young, old = left_behind(tmp_path, "young", age_s=1), left_behind(tmp_path, "old")
    sweep(tmp_path)
    assert (young.exists(), old.exists()) == (True, False)


def test_directory_held_by_a_worker_is_kept(tmp_path: Path) -> None:
    held = left_behind(tmp_path, "held")
    with (held / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.utime(held, (0, 0))
        sweep(tmp_path)
        assert held.exists()


def test_what_others_keep_there_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "somebody-elses"
    other.mkdir()
    os.utime(other, (0, 0))
    sweep(tmp_path)
    assert other.exists()
