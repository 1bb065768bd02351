"""The whole service in one process, against the local Twilio over real HTTP; the reconciler turns only when told to.

The web side is the real application behind gunicorn's own HTTP protocol, so that TaskRouter's callbacks reach it.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import requests
from flask import Flask

from service.app import create_front, create_reconciler
from service.intake.desk import Desk
from service.intake.keys import generate_key
from service.reconcile.catch_up import catch_up
from service.reconcile.loop import Reconciler
from service.sandbox.server import RunningSandbox, SandboxOptions, start_sandbox
from service.settings import Settings, load_settings
from service.tracking.connection import connect
from tests.flow.listener import Listener

PATIENCE_S = 15.0


@dataclass
class Answer:
    """Status and JSON of an answer."""

    status: int
    json: dict[str, object]

    def __getitem__(self, name: str) -> object:
        return self.json[name]


class World:
    """One sandbox, one web application, one reconciler that is turned by hand."""

    def __init__(self, redis_url: str, rules: str, **settings: str) -> None:
        self.redis = connect(redis_url)
        self.token, entry = generate_key("tests", ["*"])
        self._listener = Listener()
        self.url = f"http://127.0.0.1:{self._listener.port}"
        options = SandboxOptions(port=0, service_base_url=self.url, service_api_key=self.token)
        self.sandbox: RunningSandbox = start_sandbox(options)
        self.info = self.control("GET", "info")
        environ = {
            "TWILIO_ACCOUNT_SID": self.info["account_sid"],
            "TWILIO_AUTH_TOKEN": self.info["auth_token"],
            "TWILIO_AUTH_TOKEN_SECONDARY": "secondary-token",
            "TWILIO_WORKSPACE_SID": self.info["workspace_sid"],
            "TWILIO_BASE_URL": self.sandbox.base_url,
            "PUBLIC_BASE_URL": self.url,
            "REDIS_URL": redis_url,
            "RULES_FILE": rules,
            "API_KEYS": entry,
            "CLOSE_GRACE_S": "0",
            "LOG_LEVEL": "DEBUG",
            "LOG_FORMAT": "json",
        } | settings
        # shorter than a real set-up may have it: nothing here is ever under way twice
        self.settings: Settings = load_settings(environ).model_copy(update={"settle_s": 1.0})
        self.front = create_front(self.settings)
        self._listener.serve(self.front)
        self.reconciler: Reconciler = create_reconciler(self.settings)
        self.reconciler.next_catch_up = self.reconciler.next_names = float("inf")  # only when a test says so

    def close(self) -> None:
        """Stop everything."""
        self._listener.close()
        self.sandbox.close()

    @property
    def flask(self) -> Flask:
        """The application behind the front."""
        application: Flask = self.front.flask.__self__  # type: ignore[attr-defined]  # a method of it
        return application

    @property
    def desk(self) -> Desk:
        """What its requests are served with."""
        view = self.flask.view_functions["api.escalations"]
        return next(cell.cell_contents for cell in view.__closure__ or () if isinstance(cell.cell_contents, Desk))

    # -- the local Twilio

    def control(self, method: str, path: str, body: object = None) -> dict:  # type: ignore[type-arg]  # free-form JSON
        """One call of the control plane."""
        answer = requests.request(method, f"{self.sandbox.base_url}/sandbox/v1/{path}", json=body, timeout=20)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return dict(answer.json()) if answer.content else {}

    def customer(self, *, interaction: bool = False, channel_type: str = "web") -> dict:  # type: ignore[type-arg]
        """A customer has written: conversation_sid, and with ``interaction`` also interaction_sid and channel_sid."""
        body = {"channel_type": channel_type, "address": "customer@example.com", "interaction": interaction}
        return self.control("POST", "conversations", body)

    def agent(self, worker: str, act: str, **body: str) -> dict:  # type: ignore[type-arg]
        """An agent acts."""
        return self.control("POST", f"agents/{worker}/{act}", body)

    def advance(self, seconds: float) -> None:
        """Let time pass at Twilio; returns when the callbacks that this raised have been tried."""
        self.control("POST", "clock", {"advance_s": seconds})

    def conversation(self, conversation_sid: str) -> dict:  # type: ignore[type-arg]
        """Everything about one conversation."""
        return self.control("GET", f"conversations/{conversation_sid}")

    def judge(self) -> dict:  # type: ignore[type-arg]
        """The judge's three lists, without details."""
        found = self.control("GET", "judge")
        return {name: found[name] for name in ("orphaned", "double_invited", "closed_under_agent")}

    def calls(self, match: str) -> list[dict]:  # type: ignore[type-arg]
        """REST calls that Twilio received, whose "METHOD path" contains ``match``."""
        entries = self.control("GET", "log?kind=api")["entries"]
        return [entry for entry in entries if match in f"{entry['method']} {entry['path']}"]

    def fault(self, match: str, **how: object) -> None:
        """Let Twilio fail at calls whose "METHOD path" matches."""
        self.control("POST", "faults", {"match": match, **how})

    # -- the service

    def escalate(self, conversation_sid: str, *, headers: Mapping[str, str] | None = None, **more: object) -> Answer:
        """An app escalates."""
        return self.post("escalations", {"conversation_sid": conversation_sid, **more}, headers=headers)

    def transfer(self, **body: object) -> Answer:
        """An app transfers."""
        return self.post("transfers", body)

    def post(self, path: str, body: object, *, headers: Mapping[str, str] | None = None) -> Answer:
        """An app's call with its key."""
        bearer = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return _answer(requests.post(f"{self.url}/v1/{path}", json=body, headers=bearer, timeout=20))

    def get(self, path: str) -> Answer:
        """An app's reading call with its key."""
        bearer = {"Authorization": f"Bearer {self.token}"}
        return _answer(requests.get(f"{self.url}/v1/{path}", headers=bearer, timeout=20))

    def invite(self, invite_id: object) -> Answer:
        """One invite as the API shows it."""
        return self.get(f"invites/{invite_id}")

    def studio(self, body: bytes, content_type: str, *, token: str | None = None, path: str = "escalations") -> Answer:
        """A call signed as Twilio signs it: JSON with bodySHA256, a form over its fields."""
        url = f"{self.url}/v1/{path}"
        if content_type.startswith("application/json"):
            url += "?bodySHA256=" + hashlib.sha256(body).hexdigest()
            signed = url
        else:
            pairs = [pair.partition("=")[::2] for pair in body.decode().split("&")]
            signed = url + "".join(name + _unquote(value) for name, value in sorted(pairs))
        headers = {"Content-Type": content_type, "X-Twilio-Signature": sign(signed, token or self.info["auth_token"])}
        return _answer(requests.post(url, data=body, headers=headers, timeout=20))

    def event(self, fields: Mapping[str, str], *, token: str | None = None) -> int:
        """An event callback, signed as TaskRouter signs it. Returns the status."""
        return self.studio(
            urlencode(fields).encode(), "application/x-www-form-urlencoded", token=token, path="events/taskrouter"
        ).status

    def await_rule_file(self) -> None:
        """Wait until the rules file, as it is now, is in force."""
        wanted = hashlib.sha256(Path(self.settings.rules_file).read_bytes()).hexdigest()
        deadline = time.monotonic() + PATIENCE_S
        body = {"conversation_sid": "CH" + "0" * 32}
        while self.post("decisions", body)["rules_sha256"] != wanted:
            assert time.monotonic() < deadline, "the changed rules are not taken up"
            time.sleep(0.1)

    # -- the background

    def turn(self) -> None:
        """Turn the reconciler until nothing is due."""
        deadline = time.monotonic() + PATIENCE_S
        while self.reconciler.step():
            self.reconciler.drain()
            assert time.monotonic() < deadline, "the reconciler does not come to rest"

    def turn_until(self, invite_id: object, *states: str) -> Answer:
        """Turn the reconciler until the invite is in one of ``states``."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self.turn()
            found = self.invite(invite_id)
            if found["state"] in states:
                return found
            assert time.monotonic() < deadline, f"{invite_id} stays {found['state']}, not {states}"
            time.sleep(0.05)

    def turn_until_errand(self, errand_id: object, *states: str) -> Answer:
        """Turn the reconciler until the errand is in one of ``states``."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self.turn()
            found = self.get(f"errands/{errand_id}")
            if found["state"] in states:
                return found
            assert time.monotonic() < deadline, f"{errand_id} stays {found['state']}, not {states}"
            time.sleep(0.05)

    def turn_until_told(self, errand_id: object, words: str) -> None:
        """Turn the reconciler until the errand's history has these words."""

        def told() -> bool:
            found = self.reconciler.parts.errands.get(str(errand_id))
            return found is not None and any(entry.what == words for entry in found.history)

        self.turn_while(lambda: not told())

    def turn_while(self, condition: Callable[[], bool]) -> None:
        """Turn the reconciler for as long as ``condition`` holds."""
        deadline = time.monotonic() + PATIENCE_S
        self.turn()
        while condition():
            assert time.monotonic() < deadline, "what was waited for does not come"
            time.sleep(0.05)
            self.turn()

    def hurry(self, errand_id: object, seconds: int) -> None:
        """Let ``seconds`` pass for a parked errand: its record grows so much older, and is due."""
        found = self.reconciler.parts.errands.get(str(errand_id))
        assert found is not None
        parked_at_ms = (found.parked_at_ms or 0) - seconds * 1000
        self.reconciler.parts.errands.touch(found.id, found.state, due=0, fields={"parked_at_ms": str(parked_at_ms)})

    def await_state(self, invite_id: object, *states: str) -> Answer:
        """Wait, without turning the reconciler, until events have brought the invite into one of ``states``."""
        deadline = time.monotonic() + PATIENCE_S
        while (found := self.invite(invite_id))["state"] not in states:
            assert time.monotonic() < deadline, f"{invite_id} stays {found['state']}, not {states}"
            time.sleep(0.02)
        return found

    def await_listed(self, query: str, task_sid: str | None) -> dict:  # type: ignore[type-arg]  # free-form JSON
        """Wait until the listing shows the invite of a task; its row."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            rows = self.get(f"invites?{query}").json["invites"]
            assert isinstance(rows, list)
            if found := [row for row in rows if row["task_sid"] == task_sid]:
                return dict(found[0])
            assert time.monotonic() < deadline, f"{task_sid} is not found by {query}"
            time.sleep(0.02)

    def catch_up(self) -> int | None:
        """Read the Events API now."""
        self.redis.delete("flex:{00}:catchup-turn")
        return catch_up(self.reconciler.parts, every_s=1)


def sign(text: str, token: str) -> str:
    """Twilio's signature of a text."""
    return base64.b64encode(hmac.new(token.encode(), text.encode(), "sha1").digest()).decode()


def _unquote(text: str) -> str:
    from urllib.parse import unquote_plus

    return unquote_plus(text)


def _answer(response: requests.Response) -> Answer:
    return Answer(response.status_code, json.loads(response.content) if response.content else {})
