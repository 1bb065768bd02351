"""Every part of the set-up as a process of its own, on loopback, so that each can be killed, paused and started again.

    apps, Twilio → web-1, web-2          web, reconcile → relay → store
    reconcile-1, reconcile-2             web, reconcile → relay → sandbox (the local Twilio)

Nothing here decides what goes wrong, or when; that is ``storm``'s.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from service.intake.keys import generate_key
from service.tracking.embedded import EmbeddedStore, start_embedded
from tests.soak.clocks import ROOT, Clocks
from tests.soak.gusts import FRONTS, RECONCILERS, STORE

START_S = 40.0
STOP_S = 25.0
SANDBOX, PROBER = "sandbox", "prober"
STORE_RELAY, TWILIO_RELAY = "relay-store", "relay-twilio"

# Quick enough for a run of minutes. A create is looked for longer than the longest hang that the storm orders.
PACE = {
    "CLOSE_GRACE_S": "1",
    "LOOK_EVERY_S": "5",
    "PARKED_LOOK_EVERY_S": "10",
    "CATCH_UP_EVERY_S": "3",
    "SETTLE_S": "12",
    "WEB_CONCURRENCY": "1",  # there are two web processes, for two cores
}
LONG_PACE = {"CATCH_UP_EVERY_S": "10"}  # each reads two minutes of events again, and these are many more then

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
    """Store, sandbox, relays, two of web and two reconcilers. Thread-safe as far as different processes go."""

    def __init__(self, directory: Path, seed: int, *, long: bool = False) -> None:
        self.directory = directory
        self.clocks = Clocks(directory)
        self.token, key_entry = generate_key("soak", ["*"])
        self._starter = ThreadPoolExecutor(1)  # a store dies with the thread that started it: this one stays
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._turn = threading.RLock()
        self._own: dict[str, Mapping[str, str]] = {}
        self._environ = {"PATH": os.environ["PATH"], "HOME": str(directory), "PYTHONPATH": str(ROOT)}
        *fronts, sandbox, self._store_port, store_relay, twilio_relay = _free_ports(len(FRONTS) + 4)
        self.ports = dict(zip(FRONTS, fronts, strict=True))
        self.urls = tuple(f"http://127.0.0.1:{port}" for port in fronts)
        self.sandbox_url = f"http://127.0.0.1:{sandbox}"
        (directory / "rules.yaml").write_text(RULES)
        try:
            self.store: EmbeddedStore = self._started_store()
            arguments = ["--port", str(sandbox), "--service-url", self.urls[0], "--service-api-key", self.token]
            self._serve(SANDBOX, SANDBOX, *arguments)
            self._relay(STORE_RELAY, store_relay, self._store_port, seed)
            self._relay(TWILIO_RELAY, twilio_relay, sandbox, seed)
            info = _await(lambda: requests.get(f"{self.sandbox_url}/sandbox/v1/info", timeout=2), SANDBOX).json()
        except BaseException:
            self.close()
            raise
        self._environ |= (
            PACE
            | (LONG_PACE if long else {})
            | {
                "TWILIO_ACCOUNT_SID": info["account_sid"],
                "TWILIO_AUTH_TOKEN": info["auth_token"],
                "TWILIO_WORKSPACE_SID": info["workspace_sid"],
                "TWILIO_BASE_URL": f"http://127.0.0.1:{twilio_relay}",
                "PUBLIC_BASE_URL": self.urls[0],
                "REDIS_URL": f"redis://127.0.0.1:{store_relay}/0",
                "RULES_FILE": str(directory / "rules.yaml"),
                "API_KEYS": key_entry,
            }
        )
        for name in (*FRONTS, *RECONCILERS):
            own = {"PORT": str(self.ports[name])} if name in FRONTS else {}
            self._own[name] = {**self.clocks.environ(name), **own}

    def start(self, name: str) -> None:
        """Start one that does not run; returns at once, but for the store, which answers by then."""
        with self._turn:
            if name == STORE:
                self.store = self._started_store()
            elif name not in self._running:
                self._serve(name, name.partition("-")[0])

    def start_all(self) -> None:
        """Start whatever does not run and wait until every web process says that it is ready."""
        for name in (*FRONTS, *RECONCILERS):
            self.start(name)
        for name, url in zip(FRONTS, self.urls, strict=True):
            self._await_ready(name, url)

    def _await_ready(self, name: str, url: str) -> None:
        _await(lambda: requests.get(f"{url}/readyz", timeout=2), name)

    def start_prober(self, token: str) -> None:
        """It asks the second web process; what it notes stands in its log."""
        arguments = [f"{self.urls[0]}/v1/events/taskrouter", str(self.ports[FRONTS[1]]), token]
        self._spawn(PROBER, ["-m", "tests.soak.prober", *arguments])

    def tell(self, name: str, what: object) -> None:
        """One line of JSON to a relay or to the prober."""
        given = self._running[name].stdin
        if given is not None:
            given.write(json.dumps(what).encode() + b"\n")
            given.flush()

    def kill(self, name: str) -> None:
        """kill -9, children included."""
        if name == STORE:
            self.store.kill()
            return
        with self._turn:
            process = self._running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, name: str) -> bool:
        """SIGTERM, as a rolling restart sends it. False: it had not ended after 25 s, and was killed."""
        with self._turn:
            process = self._running.pop(name)
        process.terminate()
        try:
            process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return False
        return True

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
        if hasattr(self, "store"):
            self.store.close()
        self._starter.shutdown()

    def pids(self) -> dict[str, int]:
        """The first process of each group that runs, by name."""
        with self._turn:
            running = {name: process.pid for name, process in self._running.items()}
        return {**running, STORE: self.store.process.pid}

    def log(self, name: str) -> Path:
        """Where a process's lines go."""
        return self.directory / f"{name}.log"

    def logs(self) -> list[Path]:
        """All of them."""
        return sorted(self.directory.glob("*.log"))

    def _started_store(self) -> EmbeddedStore:
        return self._starter.submit(start_embedded, self.directory / STORE, port=self._store_port).result()

    def _group(self, name: str) -> int:
        return self.store.process.pid if name == STORE else self._running[name].pid

    def _relay(self, name: str, listen: int, to: int, seed: int) -> None:
        self._spawn(name, ["-m", "tests.soak.relay", str(listen), str(to), f"{seed}/{name}"])
        _await_port(listen, name)

    def _serve(self, name: str, *arguments: str) -> None:
        self._spawn(name, ["-m", "service.cli", *arguments])

    def _spawn(self, name: str, arguments: list[str]) -> None:
        told: Any = subprocess.PIPE if arguments[1].startswith("tests.") else subprocess.DEVNULL
        with self.log(name).open("ab") as printed:
            self._running[name] = subprocess.Popen(
                [sys.executable, *arguments], env={**self._environ, **self._own.get(name, {})}, stdin=told,
                stdout=printed, stderr=printed, cwd=ROOT, start_new_session=True,
            )  # fmt: skip


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


def _await_port(port: int, name: str) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{name} did not listen within {START_S:.0f} s")


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
