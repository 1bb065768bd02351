"""What each key opens, and nothing else; keys and tokens that are being changed; who signs."""

import json

import pytest
import requests

from service.intake.keys import EVERYTHING, SCOPES, generate_key
from tests.conftest import sid
from tests.flow.kept import Build
from tests.flow.world import World, sign
from tests.fuzz.test_doors import closed_doors

INVITE, ERRAND, CHANNEL = "iv_07_" + "a" * 32, "er_07_" + "a" * 32, f"/v1/conversations/{sid('CH', 7)}"

# door → the scope it asks for; every closed door of the application must stand here
NEEDS = {
    ("POST", "/v1/escalations"): "escalate",
    ("POST", "/v1/transfers"): "transfer",
    ("POST", "/v1/decisions"): "decide",
    ("GET", "/v1/invites"): "invites:read",
    ("GET", f"/v1/invites/{INVITE}"): "invites:read",
    ("GET", f"/v1/transfers/{INVITE}"): "invites:read",
    ("POST", f"/v1/invites/{INVITE}/cancel"): "invites:cancel",
    ("GET", CHANNEL): "conversations:read",
    ("GET", f"/v1/errands/{ERRAND}"): "conversations:read",
    ("POST", f"{CHANNEL}/leave"): "conversations:act",
    ("POST", f"{CHANNEL}/remove"): "conversations:act",
    ("POST", f"{CHANNEL}/end"): "conversations:act",
    ("POST", f"{CHANNEL}/park"): "conversations:act",
    ("POST", f"{CHANNEL}/wake"): "conversations:act",
}
SIGNED_ONLY = {("POST", f"/v1/events/{name}") for name in ("taskrouter", "streams", "conversations")}


def status(world: World, door: tuple[str, str], token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    body = {"conversation_sid": sid("CH", 7)} if door[0] == "POST" else None
    return requests.request(door[0], world.url + door[1], json=body, headers=headers, timeout=20).status_code


def test_every_closed_door_has_a_scope(world: World) -> None:
    assert set(closed_doors(world)) == set(NEEDS) | SIGNED_ONLY


def test_key_opens_its_own_doors_only(build: Build) -> None:
    made = {scope: generate_key(scope.replace(":", "-").replace("*", "all"), [scope]) for scope in SCOPES}
    world = build(API_KEYS=" ".join(entry for _, entry in made.values()))
    for door, needed in NEEDS.items():
        for scope, (token, _) in made.items():
            answered = status(world, door, token)
            allowed = scope in (needed, EVERYTHING)
            assert (answered not in (401, 403)) == allowed, f"{door} with {scope}: {answered}"


def test_metrics_are_closed_by_a_key_for_them(build: Build) -> None:
    token, entry = generate_key("prometheus", ["metrics"])
    other, other_entry = generate_key("crm", ["escalate"])
    world = build(API_KEYS=f"{entry} {other_entry}")
    assert requests.get(f"{world.url}/metrics", timeout=20).status_code == 401
    assert status(world, ("GET", "/metrics"), other) == 403
    assert status(world, ("GET", "/metrics"), token) == 200


def test_key_never_opens_what_twilio_signs(world: World) -> None:
    assert {status(world, door, world.token) for door in SIGNED_ONLY} == {403}


def test_old_and_new_key_work_until_one_is_taken_out(build: Build) -> None:
    old, old_entry = generate_key("crm-2025", ["decide"])
    new, new_entry = generate_key("crm-2026", ["decide"])
    both, after = build(API_KEYS=f"{old_entry},{new_entry}"), build(API_KEYS=new_entry)
    door = ("POST", "/v1/decisions")
    assert [status(both, door, token) for token in (old, new)] == [200, 200]
    assert [status(after, door, token) for token in (old, new)] == [401, 200]


NEARLY = [
    "{id}.",
    "{id}.{secret}x",
    "{id}.{half}",
    "{other}.{secret}",
    "{id}.{upper}",
    " ",
    "{secret}",
    "{id}:{secret}",
]


def test_key_that_is_nearly_right_opens_nothing(build: Build) -> None:
    right, entry = generate_key("crm", ["decide"])
    name, secret = right.split(".", 1)
    world = build(API_KEYS=entry)
    forms = {"id": name, "secret": secret, "half": secret[:-1], "other": "crn", "upper": secret.swapcase()}
    door = ("POST", "/v1/decisions")
    assert {token: status(world, door, token.format(**forms)) for token in NEARLY} == dict.fromkeys(NEARLY, 401)
    assert status(world, door, right) == 200


@pytest.mark.parametrize(("token", "answered"), [(None, 422), ("secondary-token", 422), ("retired-token", 403)])
def test_request_is_signed_by_either_token(world: World, token: str | None, answered: int) -> None:
    body = json.dumps({"conversation_sid": "no sid"}).encode()
    assert world.studio(body, "application/json", token=token).status == answered


def test_password_for_the_proxy_does_not_hide_a_signature(world: World) -> None:
    """Twilio sends both where its address holds a name and a password."""
    url = world.url + "/v1/escalations"
    conversation = world.customer()["conversation_sid"]
    for token, status in ((world.info["auth_token"], 201), ("another", 403)):
        headers = {"X-Twilio-Signature": sign(f"{url}conversation_sid{conversation}", token)}
        answer = requests.post(
            url, data={"conversation_sid": conversation}, headers=headers, auth=("name", "password"), timeout=20
        )
        assert answer.status_code == status
    assert requests.post(url, data={"conversation_sid": conversation}, auth=("a", "b"), timeout=20).status_code == 401


def test_key_beside_a_signature_is_what_counts(world: World) -> None:
    """A wrong key is not made good by a right signature: the caller has said who they are."""
    signed = requests.Request("POST", world.url + "/v1/escalations", json={"conversation_sid": "x"})
    headers = {"Authorization": "Bearer nobody.nothing", "X-Twilio-Signature": "x"}
    assert requests.post(str(signed.url), json=signed.json, headers=headers, timeout=20).status_code == 401
