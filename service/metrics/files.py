"""Where the worker processes of one gunicorn add up: a directory of small files, one set per worker slot.

Read by gunicorn's configuration before the application is imported, so nothing but the standard library may come in.
A worker writes under the number of its slot, not of its process: the one that replaces it goes on counting in the same
files, so counters survive a restart and no file of a dead worker is ever left to be read at each scrape.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # the name is prometheus_client's
PREFIX = "flex-router-metrics-"
MASTER = "master"  # what is declared before the first fork
YOUNG_S = 60.0  # a directory that young may be about to be locked

_made: dict[int, tuple[Path, IO[str]]] = {}  # by process: the lock is held for as long as it or a worker lives
_slots = [MASTER]


def shared_directory(base: str | None = None) -> str:
    """The directory of this process and its workers, made at the first call and removed when the process ends.

    ``base``: where it is made; by default where temporary files are. Directories of servers that were killed go too.
    """
    if os.getpid() not in _made:
        sweep(Path(base or tempfile.gettempdir()))
        directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        lock = (directory / "lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        _made[os.getpid()] = (directory, lock)
        atexit.register(_remove, directory, os.getpid())
    return str(_made[os.getpid()][0])


def _remove(directory: Path, owner: int) -> None:
    if os.getpid() == owner:  # a worker runs the handlers of its parent, too
        shutil.rmtree(directory, ignore_errors=True)


def sweep(base: Path) -> None:
    """Remove directories of ours that no living process holds: their server was killed."""
    for directory in base.glob(f"{PREFIX}*"):
        try:
            status = directory.lstat()
            if status.st_uid == os.getuid() and time.time() - status.st_mtime > YOUNG_S and not _is_held(directory):
                shutil.rmtree(directory, ignore_errors=True)
        except OSError:
            continue  # somebody else is at it


def _is_held(directory: Path) -> bool:
    with (directory / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def take_slot(slot: int) -> None:
    """Called in a new worker: ``slot`` is a number that no other living worker has."""
    _slots[:] = [str(slot)]


def slot() -> str:
    """Under which name this process counts."""
    return _slots[0]
