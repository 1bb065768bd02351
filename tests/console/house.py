"""A house with a console: the world of the flow tests, opened by cheap passwords, with records in every state."""

import re
import secrets
import time
from collections.abc import Mapping
from hashlib import scrypt
from urllib.parse import urljoin

import requests

from service.model import Invite, Kind, Plan, Route, RoutingRequest, State
from service.tracking.records import new_invite_id
from service.tracking.store import Store
from tests.conftest import sid
from tests.flow.world import PATIENCE_S, Answer, World

PASSWORD, LOOKING = "correct-horse-battery", "only-looking-please"

RULES = """
version: 1
via: transfers
calendars:
  support: {timezone: Europe/London, week: {mon-sun: "00:00-23:59"}}
  night: {timezone: Europe/London, week: {mon: "03:00-03:01"}}
rules:
  - name: billing
    when: attributes.topic == "billing" AND attributes.tier IN ["gold", "platinum"]
    route: {queue: tier2-billing, priority: 90, timeout: 2m}
    fallback: [{queue: support, timeout: 5m}, {workflow: everyone}]
    farewell: Nobody is here just now. Please write again.
  - name: simple-billing
    when: attributes.topic == "billing"
    route: {queue: billing, priority: 20, timeout: 10m}
  - name: leave-open
    when: attributes.topic == "leave"
    route: {workflow: everyone}
    on_lapse: leave
default: {workflow: everyone}
"""
TESTS = """
version: 1
now: 2026-11-24T10:00+00:00
base: {kind: escalation, channel_type: web}
tests:
  - name: a paying customer
    given: {attributes: {topic: billing, tier: gold}}
    expect: {rule: billing, steps: [{}, {}, {}]}
  - {name: another one, given: {attributes: {topic: billing}}, expect: {rule: simple-billing}}
  - {name: one who is left, given: {attributes: {topic: leave}}, expect: {rule: leave-open}}
  - {name: the rest, expect: {rule: default}}
"""


def cheap_hash(password: str) -> str:
    """A hash as the settings take it, at a cost that tests can afford."""
    salt = secrets.token_bytes(16)
    key = scrypt(password.encode(), salt=salt, n=1024, r=8, p=1, dklen=32)
    return f"scrypt.1024.8.1.{salt.hex()}.{key.hex()}"


def console_settings() -> dict[str, str]:
    """What opens the console of a world."""
    return {
        "CONSOLE_PASSWORD_HASH": cheap_hash(PASSWORD),
        "CONSOLE_READONLY_PASSWORD_HASH": cheap_hash(LOOKING),
    }


class Visitor:
    """A browser without a screen: keeps cookies, fills in forms with the token that the page has."""

    def __init__(self, world: World) -> None:
        self.base = f"{world.url}/console/"
        self.http = requests.Session()

    def get(self, path: str, *, follow: bool = True, headers: Mapping[str, str] | None = None) -> requests.Response:
        """A page."""
        return self.http.get(urljoin(self.base, path), headers=headers, allow_redirects=follow, timeout=30)

    def token(self, path: str = "sign-in") -> str:
        """The token in the forms of a page."""
        found = re.search(r'name="token" value="([^"]+)"', self.get(path).text)
        assert found, path
        return found[1]

    def post(self, path: str, token: str | None = None, /, **fields: str) -> requests.Response:
        """A form, sent with a token; by itself it takes one from a page."""
        body = {"token": self.token("rules") if token is None else token, **fields}
        return self.http.post(urljoin(self.base, path), data=body, allow_redirects=False, timeout=30)

    def sign_in(self, password: str = PASSWORD, **fields: str) -> requests.Response:
        """Sign in with a password."""
        return self.post("sign-in", self.token(), password=password, **fields)


def stuck_invite(world: World, number: int, *, trouble: str) -> str:
    """An invite that could not be made so far, and is not due for a while."""
    conversation = sid("CH", number)
    invite = Invite(
        id=new_invite_id(conversation), kind=Kind.ESCALATION, state=State.REQUESTED, created_at_ms=0,
        request=RoutingRequest(Kind.ESCALATION, conversation_sid=conversation), conversation_sid=conversation,
        plan=Plan("default", "0" * 64, (Route(sid("WW", 1), "everyone"),)), attempt=3, trouble=trouble,
    )  # fmt: skip
    world.reconciler.parts.store.create(invite, due_in_s=3600)
    return invite.id


def crowd(store: Store, count: int, *, start: int = 0) -> None:
    """So many pending invites, written without Twilio."""
    for number in range(start, start + count):
        conversation = sid("CH", 0xC0000 + number)
        route = Route(sid("WW", 1), "transfers", sid("WQ", 2), "billing", priority=20, timeout_s=600)
        invite = Invite(
            id=new_invite_id(conversation), kind=Kind.ESCALATION, state=State.PENDING, created_at_ms=0,
            request=RoutingRequest(Kind.ESCALATION, conversation_sid=conversation, attributes={"topic": "billing"}),
            plan=Plan("simple-billing", "0" * 64, (route,)), conversation_sid=conversation,
            channel_sid=sid("UO", number), interaction_sid=sid("KD", number), task_sid=sid("WT", number),
        )  # fmt: skip
        store.create(invite, due_in_s=3600)


def attended(world: World) -> Answer:
    """An escalation that an agent has accepted: whoever it rings at."""
    made = world.escalate(world.customer()["conversation_sid"])
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for name in world.info["workers"]:
            try:
                world.agent(name, "accept", task_sid=str(made["task_sid"]))
            except AssertionError:  # it rings at somebody else
                continue
            return world.await_state(made["id"], "accepted")
        time.sleep(0.1)
    raise AssertionError("it rings at nobody")
