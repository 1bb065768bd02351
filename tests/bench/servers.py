"""What is measured, as processes: a store on a port, gunicorn as this project sets it up, node."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import requests

from service.tracking.embedded import EmbeddedStore, die_with_parent, start_embedded
from tests.bench.machine import Cores, cpu_s
from tests.e2e.house import free_port

ROOT = Path(__file__).parents[2]
NODE = Path(__file__).parent / "node"
PATIENCE_S = 60.0


def start_store(directory: Path, cores: Cores) -> EmbeddedStore:
    """A store as in production: on TCP, with its append-only file, beside what is measured."""
    store = start_embedded(directory, port=free_port())
    for task in Path(f"/proc/{store.process.pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), cores.others)
    return store


class Server:
    """A process that serves HTTP on a port of its own. Use as a context."""

    def __init__(
        self,
        command: list[str],
        environ: Mapping[str, str],
        *,
        cores: frozenset[int],
        cwd: Path = ROOT,
        alive: str = "/livez",
        port: int = 0,
    ) -> None:
        """``port``: the one that the command names; else it is told in PORT, and where ``environ`` says {port}."""
        self.port = port or free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process

        def before_exec() -> None:
            die_with_parent()
            os.sched_setaffinity(0, cores)

        filled = {name: value.replace("{port}", str(self.port)) for name, value in environ.items()}
        environ = {**_plain_environ(), "PORT": str(self.port), **filled}
        self.process = subprocess.Popen(
            command, cwd=cwd, env=environ, stdout=self._log, stderr=self._log, preexec_fn=before_exec
        )
        self.started_s = self._await_answer(alive)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=25)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()

    def workers(self) -> list[int]:
        """The processes that do the work: gunicorn's workers, or the process itself."""
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in task.read_text().split()] or [self.process.pid]

    def cpu_s(self) -> float:
        """Processor time that the workers have used."""
        return sum(cpu_s(pid) for pid in self.workers())

    def _await_answer(self, path: str) -> float:
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE_S:
            try:
                requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=2)
                return time.monotonic() - began
            except requests.RequestException:
                if self.process.poll() is not None:
                    break
                time.sleep(0.01)
        self._log.seek(0)
        raise RuntimeError(f"{self.process.args!r} does not serve: {self._log.read().decode()[-2000:]}")


def gunicorn(
    application: str, environ: Mapping[str, str], *, cores: frozenset[int], options: tuple[str, ...] = ()
) -> Server:
    """gunicorn with the project's own configuration, whatever it serves."""
    config = str(ROOT / "config" / "gunicorn.conf.py")
    command = [sys.executable, "-m", "gunicorn", "--config", config, *options, application]
    return Server(command, {"WEB_CONCURRENCY": "1", **environ}, cores=cores)


def node(environ: Mapping[str, str], *, cores: frozenset[int], modules: Path) -> Server:
    """The Node baseline. ``modules``: where ``installed_node`` has put its packages."""
    return Server(["node", str(modules.resolve() / "server.js")], environ, cores=cores, cwd=modules)


def stub(wait_ms: int, cores: Cores) -> Server:
    """The quick Twilio, which answers after a wait."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.stub", str(port), str(wait_ms)]
    return Server(command, {}, cores=cores.others, port=port)


def installed_node(directory: Path, tell: Callable[[str], object] = print) -> Path | None:
    """The Node baseline with its locked packages, in ``directory``; None, and a word why, where it cannot be had."""
    directory.mkdir(parents=True, exist_ok=True)
    for file in NODE.iterdir():
        (directory / file.name).write_bytes(file.read_bytes())
    try:
        command = ["npm", "ci", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=180)
    except (OSError, subprocess.SubprocessError) as error:
        tell(f"without Node: its packages cannot be installed ({type(error).__name__})")
        return None
    return directory


def _plain_environ() -> dict[str, str]:
    return {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR") if name in os.environ} | {
        "PYTHONPATH": str(ROOT)
    }
