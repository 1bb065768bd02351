"""Everything on one machine, for trying out and for small set-ups: ``flex-router run``.

Starts the embedded store (without REDIS_URL), the sandbox (without TWILIO_ACCOUNT_SID), web and reconciler, each as a
process of its own, starts again what dies, and stops them all in the right order.
"""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from service.console.passwords import hash_of, new_password
from service.errors import ConfigurationError
from service.intake.keys import generate_key
from service.settings import load_settings
from service.tracking.embedded import EmbeddedStore, die_with_parent, start_embedded

READY_S = 30.0
AGAIN_S = 1.0

BANNER = """
Flex Router is ready.
  service     {service}      (API: {service}/docs)
  console     {service}/console      {console}
  sandbox     {sandbox}      (a local Twilio: {sandbox}/sandbox/v1/info)

A customer has just written. Escalate that conversation:

  curl -s -X POST {service}/v1/escalations \\
    -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \\
    -d '{{"conversation_sid": "{conversation}", "channel_type": "web",
         "reason": "wants a person", "attributes": {{"topic": "billing"}}}}'

Nobody takes it? Let a day pass, and see the conversation closed instead of orphaned:

  curl -s -X POST {sandbox}/sandbox/v1/clock -H 'Content-Type: application/json' -d '{{"advance_s": 90000}}'
  sleep {wait}; curl -s {sandbox}/sandbox/v1/conversations/{conversation}
  curl -s {sandbox}/sandbox/v1/judge

Ctrl-C stops everything.
"""

CONSOLE_SETTINGS = (
    "CONSOLE_PASSWORD_HASH",
    "CONSOLE_PASSWORD_HASH_FILE",
    "CONSOLE_READONLY_PASSWORD_HASH",
    "CONSOLE_READONLY_PASSWORD_HASH_FILE",
    "CONSOLE_USER_HEADER",
)

BANNER_REAL = """
Flex Router is ready on {service} (API: {service}/docs), working with Twilio account {account}.
Ctrl-C stops everything.
"""


@dataclass
class Child:
    """One process that is kept running."""

    name: str
    arguments: list[str]
    environ: Mapping[str, str]
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it, away from the terminal's Ctrl-C: the order of stopping is ours."""
        command = [sys.executable, "-m", "service.cli", *self.arguments]
        self.process = subprocess.Popen(  # noqa: S603  our own commands
            command, env=dict(self.environ), start_new_session=True, preexec_fn=die_with_parent
        )

    def stop(self) -> None:
        """Ask it to end; insist after ten seconds."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class House:
    """What runs, in the order in which it was started."""

    children: list[Child] = field(default_factory=list)
    store: EmbeddedStore | None = None
    store_directory: Path = Path(".data")

    def add(self, child: Child) -> Child:
        """Start a child and keep it."""
        child.start()
        self.children.append(child)
        return child

    def stop(self) -> None:
        """Last in, first out; the store at the very end."""
        for child in reversed(self.children):
            child.stop()
        if self.store is not None:
            self.store.close()

    def revive(self) -> None:
        """Start again what has died; the store comes back with what it had written."""
        if self.store is not None and self.store.process.poll() is not None:
            _say("the store ended; starting it again")
            self.store = start_embedded(self.store_directory)
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                _say(f"{child.name} ended with code {child.process.returncode}; starting it again")
                time.sleep(AGAIN_S)
                child.start()


def run_everything(environ: Mapping[str, str]) -> int:
    """Run until SIGINT or SIGTERM. Returns the exit code. Raises ConfigurationError if it cannot start."""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    house = House()
    try:
        return _run(house, dict(environ), stop)
    finally:
        house.stop()


def _run(house: House, environ: dict[str, str], stop: threading.Event) -> int:
    local = not environ.get("TWILIO_ACCOUNT_SID")
    environ.setdefault("LOG_FORMAT", "console")
    host, port = environ.setdefault("HOST", "127.0.0.1"), environ.setdefault("PORT", "8080")
    service = f"http://{host}:{port}"
    sandbox_port = environ.pop("SANDBOX_PORT", "8090")
    sandbox = f"http://127.0.0.1:{sandbox_port}"
    _need_free(host, port)
    if local:
        _need_free("127.0.0.1", sandbox_port)
    if not (environ.get("REDIS_URL") or environ.get("REDIS_URL_FILE")):
        _start_store(house, environ, fresh=local)
    token = ""
    if local:
        token, environ["API_KEYS"] = generate_key("demo", ("*",))
        arguments = ["sandbox", "--port", sandbox_port, "--service-url", service, "--service-api-key", token]
        house.add(Child("sandbox", arguments, environ))
        info = _await(f"{sandbox}/sandbox/v1/info", stop)
        environ |= _sandbox_settings(info, sandbox, service, environ)
    console = _open_console(environ) if local else ""
    settings = load_settings(environ)  # all faults now, before anything of ours starts
    house.add(Child("web", ["web"], environ))
    house.add(Child("reconcile", ["reconcile"], environ))
    _await(f"{service}/readyz", stop, alive=lambda: house.children[-2].process)
    if local:
        conversation = _a_customer_writes(sandbox)
        wait = round(settings.close_grace_s + 3)
        places = {"service": service, "sandbox": sandbox, "console": console}
        _say(BANNER.format(**places, token=token, conversation=conversation, wait=wait))
    else:
        _say(BANNER_REAL.format(service=service, account=settings.twilio_account_sid))
    while not stop.wait(0.5):
        house.revive()
    _say("stopping")
    return 0


def _start_store(house: House, environ: dict[str, str], *, fresh: bool) -> None:
    house.store_directory = Path(environ.get("DATA_DIR") or ".data") / ("sandbox" if fresh else "store")
    house.store = start_embedded(house.store_directory)
    environ["REDIS_URL"] = house.store.url
    if fresh:
        # the sandbox has forgotten everything, and will give the same SIDs to other conversations
        house.store.empty()


def _sandbox_settings(
    info: Mapping[str, str], sandbox: str, service: str, environ: Mapping[str, str]
) -> dict[str, str]:
    ours = {
        "TWILIO_ACCOUNT_SID": info["account_sid"],
        "TWILIO_AUTH_TOKEN": info["auth_token"],
        "TWILIO_WORKSPACE_SID": info["workspace_sid"],
        "TWILIO_BASE_URL": sandbox,
    }
    # quicker than a real workspace needs, for whoever watches
    eased = {"PUBLIC_BASE_URL": service, "CLOSE_GRACE_S": "3", "CATCH_UP_EVERY_S": "15", "LOOK_EVERY_S": "30"}
    return ours | {name: value for name, value in eased.items() if not environ.get(name)}


def _open_console(environ: dict[str, str]) -> str:
    """Let the console be tried out: with a password of this run, unless the settings open it already."""
    if any(environ.get(name) for name in CONSOLE_SETTINGS):
        return "(sign in as your settings say)"
    password = new_password()
    environ["CONSOLE_PASSWORD_HASH"] = hash_of(password)
    return f"(password: {password})"


def _need_free(host: str, port: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                (f"cannot listen on {host}:{port} ({error}); set PORT or SANDBOX_PORT",)
            ) from error


def _await(
    url: str,
    stop: threading.Event,
    *,
    alive: "Callable[[], subprocess.Popen[bytes] | None] | None" = None,
) -> dict[str, str]:
    deadline = time.monotonic() + READY_S
    while not stop.is_set():
        process = alive() if alive else None
        if process is not None and process.poll() is not None:
            raise ConfigurationError((f"the web process ended with code {process.returncode}; its reason is above",))
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  a loopback address of our own
                return dict(json.load(answer))
        except (OSError, ValueError, urllib.error.URLError):
            if time.monotonic() > deadline:
                raise ConfigurationError((f"{url} did not answer within {READY_S:.0f} s",)) from None
            time.sleep(0.05)
    raise ConfigurationError(("stopped while starting",))


def _a_customer_writes(sandbox: str) -> str:
    body = json.dumps({"channel_type": "web", "address": "ada@example.com", "body": "Hello, my invoice is wrong"})
    request = urllib.request.Request(  # noqa: S310  a loopback address of our own
        f"{sandbox}/sandbox/v1/conversations", body.encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        return str(json.load(answer)["conversation_sid"])


def _say(text: str) -> None:
    print(text, flush=True)
