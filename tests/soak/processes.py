"""Every part of the set-up as a process of its own, on loopback, so that each can be killed, paused and started again.

Nothing here decides what goes wrong, or when; that is ``storm``'s.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from service.intake.keys import generate_key
from service.tracking.embedded import EmbeddedStore, start_embedded

ROOT = Path(__file__).parent.parent.parent
START_S = 40.0
WEB, STORE = "web", "store"
RECONCILERS = ("reconcile-1", "reconcile-2")

# Quick enough for a run of minutes. A create is looked for longer than the longest hang that the storm orders.
PACE = {"CLOSE_GRACE_S": "1", "LOOK_EVERY_S": "5", "CATCH_UP_EVERY_S": "3", "SETTLE_S": "12"}

RULES = """
version: 1
via: transfers
rules:
  - name: billing
    when: request.kind == "escalation" AND attributes.topic == "billing"
    route: {queue: billing, priority: 20, timeout: 6s}
    farewell: Nobody is here just now. Please write again.
  - name: ladder
    when: request.kind == "escalation" AND attributes.topic == "ladder"
    route: {queue: tier2-billing, timeout: 3s}
    fallback: [{queue: support, timeout: 4s}]
  - name: left-open
    when: request.kind == "escalation" AND attributes.topic == "leave"
    route: {workflow: everyone, timeout: 5s}
    on_lapse: leave
  - name: handed-over
    when: request.kind == "transfer"
    route: {queue: support, priority: 30, timeout: 5s}
default: {workflow: everyone, timeout: 6s}
"""


class Processes:
    """Store, sandbox, web and two reconcilers. Thread-safe as far as different processes are concerned."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.token, self._key_entry = generate_key("soak", ["*"])
        web, sandbox, self._store_port = _free_ports(3)
        self.url, self.sandbox_url = f"http://127.0.0.1:{web}", f"http://127.0.0.1:{sandbox}"
        (directory / "rules.yaml").write_text(RULES)
        self._starter = ThreadPoolExecutor(1)  # a store dies with the thread that started it: this one stays
        self.store: EmbeddedStore = self._started_store()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._turn = threading.RLock()
        self._environ = {"PATH": os.environ["PATH"], "HOME": str(directory), "PYTHONPATH": str(ROOT)}
        arguments = ["--port", str(sandbox), "--service-url", self.url, "--service-api-key", self.token]
        self._spawn("sandbox", ["sandbox", *arguments])
        info = _await(lambda: requests.get(f"{self.sandbox_url}/sandbox/v1/info", timeout=2), "sandbox").json()
        self._environ |= PACE | {
            "TWILIO_ACCOUNT_SID": info["account_sid"],
            "TWILIO_AUTH_TOKEN": info["auth_token"],
            "TWILIO_WORKSPACE_SID": info["workspace_sid"],
            "TWILIO_BASE_URL": self.sandbox_url,
            "PUBLIC_BASE_URL": self.url,
            "PORT": str(web),
            "REDIS_URL": self.store.url,
            "RULES_FILE": str(directory / "rules.yaml"),
            "API_KEYS": self._key_entry,
        }

    def start(self, name: str) -> None:
        """Start one that does not run; returns at once, but for the store, which answers by then."""
        with self._turn:
            if name == STORE:
                self.store = self._started_store()
            elif name not in self._running:
                self._spawn(name, [name.partition("-")[0]])

    def start_all(self) -> None:
        """Start whatever does not run and wait until web says that it is ready."""
        for name in (WEB, *RECONCILERS):
            self.start(name)
        _await(lambda: requests.get(f"{self.url}/readyz", timeout=2), WEB)

    def kill(self, name: str) -> None:
        """kill -9, children included."""
        if name == STORE:
            self.store.kill()
            return
        with self._turn:
            process = self._running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, name: str) -> None:
        """SIGTERM, as a rolling restart sends it; kill what has not ended after 25 s, and say so by an error."""
        with self._turn:
            process = self._running.pop(name)
        process.terminate()
        try:
            process.wait(timeout=25)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise

    def pause(self, name: str) -> None:
        """SIGSTOP, children included."""
        os.killpg(self._group(name), signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT."""
        os.killpg(self._group(name), signal.SIGCONT)

    def close(self) -> None:
        """End everything."""
        for name in list(self._running):
            self.kill(name)
        self.store.close()
        self._starter.shutdown()

    def printed(self) -> dict[str, list[str]]:
        """The lines that each process has printed since the beginning."""
        files = sorted(self.directory.glob("*.log"))
        return {file.stem: file.read_text(errors="replace").splitlines() for file in files}

    def _started_store(self) -> EmbeddedStore:
        return self._starter.submit(start_embedded, self.directory / STORE, port=self._store_port).result()

    def _group(self, name: str) -> int:
        return self.store.process.pid if name == STORE else self._running[name].pid

    def _spawn(self, name: str, arguments: list[str]) -> None:
        with (self.directory / f"{name}.log").open("ab") as printed:
            command = [sys.executable, "-m", "service.cli", *arguments]
            self._running[name] = subprocess.Popen(
                command, env=self._environ, stdout=printed, stderr=printed, cwd=ROOT, start_new_session=True
            )


def _await(ask: Callable[[], requests.Response], name: str) -> requests.Response:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            answer = ask()
            if answer.ok:
                return answer
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{name} did not get ready within {START_S:.0f} s")


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
