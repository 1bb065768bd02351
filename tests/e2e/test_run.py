"""``flex-router run`` as a newcomer meets it: what it prints works, what dies comes back, and Ctrl-C ends all of it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.e2e.house import free_port

REPOSITORY = Path(__file__).parent.parent.parent


class Run:
    """The command, its output and its ports."""

    def __init__(self, directory: Path, **environ: str) -> None:
        self.port, self.sandbox_port = free_port(), free_port()
        self.log = directory / "run.log"
        settings = {
            "PORT": str(self.port), "SANDBOX_PORT": str(self.sandbox_port), "DATA_DIR": str(directory / "data"),
            "PATH": os.environ["PATH"], "HOME": str(directory), "CLOSE_GRACE_S": "1", **environ,
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "run"], cwd=REPOSITORY, env=settings,
            stdout=self.log.open("wb"), stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def printed(self) -> str:
        return self.log.read_text()

    def await_(self, check: Callable[[], object], what: str, within_s: float = 40) -> None:
        deadline = time.monotonic() + within_s
        while True:
            try:
                if check():
                    return
            except requests.RequestException:
                pass
            assert time.monotonic() < deadline, f"{what}\n{self.printed()}"
            time.sleep(0.1)

    def ready(self) -> None:
        self.await_(lambda: "is ready" in self.printed() or self.process.poll() is not None, "it does not get ready")
        assert self.process.poll() is None, self.printed()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)

    def listening(self) -> list[int]:
        """Which of the two ports still answer."""
        found = []
        for port in (self.port, self.sandbox_port):
            try:
                requests.get(f"http://127.0.0.1:{port}/", timeout=1)
                found.append(port)
            except requests.RequestException:
                continue
        return found


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    running = Run(tmp_path)
    running.ready()
    yield running
    running.stop()


def pasted(text: str) -> list[str]:
    """The commands that it prints, each as one line."""
    joined = re.sub(r"\\\n\s*|(?<=,)\n\s+", " ", text)
    return [line.strip() for line in joined.splitlines() if line.strip().startswith(("curl", "sleep"))]


@pytest.mark.timeout(120)
def test_printed_commands_tell_the_whole_story(run: Run) -> None:
    answers = [
        subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30, check=True).stdout
        for command in pasted(run.printed())
    ]
    assert '"state":"pending"' in answers[0]
    assert '"state":"closed"' in answers[2]
    assert '"orphaned":[]' in answers[3]


@pytest.mark.timeout(120)
def test_dead_web_process_comes_back(run: Run) -> None:
    master = _child(run.process.pid, "gunicorn")
    assert master is not None
    os.killpg(master, signal.SIGKILL)
    run.await_(lambda: "web ended" in run.printed(), "the death was not noticed")
    run.await_(lambda: requests.get(f"http://127.0.0.1:{run.port}/readyz", timeout=2).ok, "web did not come back")


@pytest.mark.timeout(120)
def test_interrupt_ends_everything(run: Run) -> None:
    assert run.stop() == 0
    assert run.listening() == []


@pytest.mark.timeout(120)
def test_taken_port_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    second = Run(tmp_path / "second", PORT=str(run.port))
    assert second.process.wait(timeout=30) == 2
    assert f"cannot listen on 127.0.0.1:{run.port}" in second.printed()


@pytest.mark.parametrize("command", ["web", "reconcile"])
def test_process_needs_a_store(command: str, tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", "service.cli", command], cwd=REPOSITORY, env=environ, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert "REDIS_URL is required" in ended.stderr
    assert "TWILIO_AUTH_TOKEN is required" in ended.stderr


def _child(parent: int, word: str) -> int | None:
    """The child process of ``parent`` whose command holds ``word``."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        pid, ppid, arguments = line.split(None, 2)
        if int(ppid) == parent and word in arguments:
            return int(pid)
    return None
