"""Several gunicorn workers count together, and those that die take nothing with them and leave nothing behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from service.metrics.files import PREFIX
from tests.metrics.conftest import samples_of
from tests.project.test_proxy import free_port

PATIENCE_S = 30.0
WORKERS = 3
APP = """
import os
from service.metrics import record
from service.metrics.files import VARIABLE
from service.metrics.scrape import exposition

async def app(scope, receive, send):
    assert scope["type"] == "http"
    if scope["path"] == "/metrics":
        body = exposition(lambda: [], directory=os.environ[VARIABLE])[0]
    else:
        record.request_taken("escalation", "billing", "made")
        record.twilio_called("create invite", 201, 0.01)
        body = str(os.getpid()).encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""


@dataclass
class Server:
    """A gunicorn as this project sets it up, with an application that only counts."""

    url: str
    process: "subprocess.Popen[bytes]"
    memory: Path  # where it may make its directory

    def count_one(self) -> int:
        """One request that is counted; the worker that did it."""
        return int(self.get("/").text)

    def counted(self) -> float:
        """What all workers have counted together."""
        labels = {"kind": "escalation", "rule": "billing", "outcome": "made"}
        return samples_of(self.get("/metrics").text)["flex_router_requests_total", frozenset(labels.items())]

    def get(self, path: str) -> requests.Response:
        """A request on a connection of its own, tried again while workers change."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = requests.get(self.url + path, timeout=10, headers={"Connection": "close"})
                assert answer.status_code == 200, answer.text
                return answer
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):  # killed while answering
                assert time.monotonic() < deadline, "gunicorn does not answer"
                time.sleep(0.02)

    def workers(self) -> list[int]:
        """The processes under the master."""
        task = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return [int(pid) for pid in Path(task).read_text().split()]

    def replace(self, worker: int, how: signal.Signals = signal.SIGKILL) -> None:
        """End a worker, and wait for the one that takes its place."""
        told = 0.0

        def is_replaced(now: set[int]) -> bool:
            nonlocal told
            if worker in now and time.monotonic() - told > 1:  # one that is still starting does not hear SIGTERM
                told = time.monotonic()
                os.kill(worker, how)
            return worker not in now and len(now) == WORKERS

        self.await_workers(is_replaced)

    def await_workers(self, wanted: Callable[[set[int]], bool]) -> None:
        """Wait until the workers that live are as wanted."""
        deadline = time.monotonic() + PATIENCE_S
        while not wanted(set(self.workers())):
            assert time.monotonic() < deadline, f"the workers are {self.workers()}"
            time.sleep(0.01)

    def files(self) -> list[str]:
        """The files in which the workers count."""
        return sorted(path.name for path in self.memory.glob(f"{PREFIX}*/*.db"))


@pytest.fixture
def server(repository: Path, tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "counting.py").write_text(APP)
    config = (repository / "config" / "gunicorn.conf.py").read_text()
    (tmp_path / "memory").mkdir()
    config = config.replace('"/dev/shm"', repr(str(tmp_path / "memory")))  # so that the test sees what is left there
    (tmp_path / "gunicorn.conf.py").write_text(config)
    port = free_port()
    environ = {**os.environ, "PORT": str(port), "WEB_CONCURRENCY": str(WORKERS), "PYTHONPATH": str(repository)}
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "counting:app"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=(tmp_path / "log").open("wb"))
    running = Server(f"http://127.0.0.1:{port}", process, tmp_path / "memory")
    try:
        running.get("/metrics")
        running.await_workers(lambda now: len(now) == WORKERS)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(timeout=40)
        finally:
            process.kill()
            process.wait()


def test_workers_count_together(server: Server) -> None:
    counted_by = {server.count_one() for _ in range(60)}
    assert len(counted_by) > 1
    assert server.counted() == 60


def test_killed_workers_leave_their_counts(server: Server) -> None:
    for _ in range(30):
        server.count_one()
    for worker in server.workers():
        server.replace(worker)
        server.count_one()
    assert server.counted() == 30 + WORKERS


def test_killed_workers_leave_no_files(server: Server) -> None:
    def touch_all() -> None:
        seen: set[int] = set()
        deadline = time.monotonic() + PATIENCE_S
        while seen != set(server.workers()):
            seen.add(server.count_one())
            assert time.monotonic() < deadline, "a worker serves nothing"

    touch_all()
    before = server.files()
    for how in (signal.SIGKILL, signal.SIGTERM) * 3:
        server.replace(server.workers()[0], how)
    touch_all()
    assert server.files() == before
    assert {name.rpartition("_")[2] for name in before} == {"0.db", "1.db", "2.db", "master.db"}


def test_reload_keeps_the_counts(server: Server) -> None:
    old = set(server.workers())
    for _ in range(20):
        server.count_one()
    server.process.send_signal(signal.SIGHUP)
    server.await_workers(lambda now: not old & now)
    server.count_one()
    assert server.counted() == 21


def test_scrapes_never_go_back_while_workers_die(server: Server) -> None:
    seen: list[float] = []
    server.count_one()
    stop = threading.Event()

    def repeat(act: Callable[[], object]) -> threading.Thread:
        def run() -> None:
            while not stop.is_set():
                act()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    threads = [repeat(server.count_one), repeat(lambda: seen.append(server.counted()))]
    try:
        replaced = 0
        while replaced < 4 or (len(seen) < 4 and replaced < 40):  # a busy machine scrapes less often than it replaces
            server.replace(server.workers()[0])
            replaced += 1
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(seen) > 3
    assert seen == sorted(seen)


def test_file_that_a_worker_has_just_made_stops_no_scrape(server: Server) -> None:
    server.count_one()
    directory = next(server.memory.glob(f"{PREFIX}*"))
    (directory / "counter_9.db").touch()
    assert server.counted() == 1


def test_stopped_server_leaves_no_directory(server: Server) -> None:
    server.count_one()
    assert server.files()
    server.process.terminate()
    server.process.wait(timeout=40)
    assert list(server.memory.iterdir()) == []


@pytest.mark.soak
def test_hundred_restarts_cost_no_memory(server: Server) -> None:
    def measure() -> tuple[float, float, int]:
        """Seconds and bytes of a scrape, and the resident memory (kB) of the fattest worker."""
        began = time.perf_counter()
        size = len(server.get("/metrics").content)
        seconds = time.perf_counter() - began
        resident = [
            int(line.split()[1])
            for worker in server.workers()
            for line in Path(f"/proc/{worker}/status").read_text().splitlines()
            if line.startswith("VmRSS")
        ]
        return seconds, size, max(resident)

    for _ in range(50):
        server.count_one()
    for _ in range(5):
        before = measure()
    kept, files = server.counted(), server.files()
    for number in range(100):
        server.replace(server.workers()[number % WORKERS], (signal.SIGKILL, signal.SIGTERM)[number % 2])
        server.count_one()
    for _ in range(5):
        after = measure()
    for what, (seconds, size, resident) in (("before", before), ("after", after)):
        print(f"\n{what} 100 restarts: {seconds * 1000:.1f} ms, {size} bytes, worker {resident} kB", end="")
    print(f"; {len(files)} files")
    assert server.counted() == kept + 100
    assert server.files() == files
    assert after[1] < before[1] * 1.1
    assert after[2] < before[2] * 1.2
