"""The service as processes that a test may kill: store, gunicorn, reconciler. The sandbox runs in this process."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import requests

from service.intake.keys import generate_key
from service.sandbox.server import RunningSandbox, SandboxOptions, start_sandbox
from service.tracking.embedded import EmbeddedStore, start_embedded

PATIENCE_S = 30.0


class House:
    """Everything but the sandbox is a process of its own."""

    def __init__(self, directory: Path, rules: Path, **settings: str) -> None:
        self.token, entry = generate_key("tests", ["*"])
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox: RunningSandbox = start_sandbox(
            SandboxOptions(port=0, service_base_url=self.url, service_api_key=self.token)
        )
        self.info = self.control("GET", "info")
        self.store: EmbeddedStore = start_embedded(directory / "store")
        self._directory = directory
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parent.parent.parent),
            "HOME": str(directory),
            "TWILIO_ACCOUNT_SID": self.info["account_sid"],
            "TWILIO_AUTH_TOKEN": self.info["auth_token"],
            "TWILIO_WORKSPACE_SID": self.info["workspace_sid"],
            "TWILIO_BASE_URL": self.sandbox.base_url,
            "PUBLIC_BASE_URL": self.url,
            "PORT": str(self.port),
            "REDIS_URL": self.store.url,
            "RULES_FILE": str(rules),
            "API_KEYS": entry,
            "CLOSE_GRACE_S": "1",
            "REQUEST_BUDGET_S": "3",
            "SETTLE_S": "4",
            "CATCH_UP_EVERY_S": "5",
        } | settings
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        """Start ``web`` or ``reconcile``; returns once web answers."""
        for name in names:
            log = (self._directory / f"{name}.log").open("ab")
            command = [sys.executable, "-m", "service.cli", name]
            self.processes[name] = subprocess.Popen(
                command, env=self.environ, stderr=log, stdout=log, start_new_session=True
            )
        if "web" in names:
            self.await_ready()

    def kill(self, name: str) -> None:
        """kill -9 of a process with all its children."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, name: str) -> int:
        """SIGTERM; returns the exit code."""
        process = self.processes.pop(name)
        process.terminate()
        return process.wait(timeout=45)

    def close(self) -> None:
        """Stop everything."""
        for name in list(self.processes):
            self.kill(name)
        self.store.close()
        self.sandbox.close()

    def log(self, name: str) -> str:
        """What a process has printed."""
        return (self._directory / f"{name}.log").read_text()

    def await_ready(self) -> None:
        """Wait until /readyz says so."""
        self.eventually(lambda: requests.get(f"{self.url}/readyz", timeout=2).ok, "web does not get ready")

    def eventually(self, check, message: str, *, within_s: float = PATIENCE_S) -> float:  # type: ignore[no-untyped-def]
        """Wait for ``check`` to hold; returns the seconds it took."""
        began = time.monotonic()
        while True:
            try:
                if check():
                    return time.monotonic() - began
            except requests.ConnectionError:
                pass
            assert time.monotonic() - began < within_s, message
            time.sleep(0.05)

    def control(self, method: str, path: str, body: object = None) -> dict:  # type: ignore[type-arg]
        """One call of the sandbox's control plane."""
        answer = requests.request(method, f"{self.sandbox.base_url}/sandbox/v1/{path}", json=body, timeout=30)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return dict(answer.json()) if answer.content else {}

    def customer(self) -> str:
        """A customer has written; the conversation's SID."""
        body = {"channel_type": "web", "address": "customer@example.com"}
        return str(self.control("POST", "conversations", body)["conversation_sid"])

    def conversation(self, conversation_sid: str) -> dict:  # type: ignore[type-arg]
        """Everything about one conversation."""
        return self.control("GET", f"conversations/{conversation_sid}")

    def judge(self) -> dict:  # type: ignore[type-arg]
        """The judge's three lists."""
        found = self.control("GET", "judge")
        return {name: found[name] for name in ("orphaned", "double_invited", "closed_under_agent")}

    def escalate(self, conversation_sid: str, *, timeout: float = 15, **more: object) -> requests.Response:
        """An app escalates."""
        body = {"conversation_sid": conversation_sid, "channel_type": "web", **more}
        headers = self.headers()
        return requests.post(f"{self.url}/v1/escalations", json=body, headers=headers, timeout=timeout)

    def headers(self) -> Mapping[str, str]:
        """An app's key."""
        return {"Authorization": f"Bearer {self.token}"}

    def invites(self, query: str = "") -> list[dict]:  # type: ignore[type-arg]
        """All invites that a query finds."""
        found = []
        cursor = ""
        while True:
            url = f"{self.url}/v1/invites?limit=40{query}{cursor}"
            page = requests.get(url, headers=self.headers(), timeout=10).json()
            found += page["invites"]
            if not page["next_cursor"]:
                return found
            cursor = f"&cursor={page['next_cursor']}"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
