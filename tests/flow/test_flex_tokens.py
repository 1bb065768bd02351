"""Flex users by their token: who they are is asked at Twilio, and an agent may touch only what that agent attends."""

from collections.abc import Iterator

import pytest
import requests

from service.tracking.embedded import EmbeddedStore
from tests.conftest import sid
from tests.flow.acts import agents, park, served, sid_of, transfer
from tests.flow.kept import kept_world, renewed
from tests.flow.world import Answer, World

PLUGIN = "https://flex.twilio.com"


@pytest.fixture(scope="module")
def house(embedded: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from kept_world(embedded.url, tmp_path_factory.mktemp("rules"))


@pytest.fixture
def world(house: World) -> World:
    return renewed(house)


def token(world: World, worker: str, *roles: str, **more: object) -> str:
    given = world.control("POST", f"agents/{worker}/token", {"roles": list(roles or ("agent",)), **more})
    return str(given["token"])


def send(world: World, bearer: str, method: str, path: str, body: object = None) -> Answer:
    headers = {"Authorization": f"Bearer {bearer}"}
    answer = requests.request(method, f"{world.url}/v1/{path}", json=body, headers=headers, timeout=20)
    return Answer(answer.status_code, answer.json())


def handed_on(world: World, bearer: str, first: Answer, **more: object) -> Answer:
    body = {"conversation_sid": first["conversation_sid"], "to": {"worker": "bob"}, **more}
    return send(world, bearer, "POST", "transfers", body)


def act(world: World, bearer: str, first: Answer, kind: str, **body: object) -> Answer:
    return send(world, bearer, "POST", f"conversations/{first['conversation_sid']}/{kind}", body)


def test_agent_transfers_what_they_attend(world: World) -> None:
    first = served(world)
    moved = handed_on(world, token(world, "alice"), first)
    assert (moved.status, moved["asked_by"]) == (201, f"flex:{sid_of(world, 'alice')}")
    world.agent("bob", "accept")
    world.await_state(moved["id"], "accepted")
    world.turn()
    assert agents(world, first) == ["bob"]  # from was left out: it is the agent who asks


def test_agent_who_does_not_attend_may_not(world: World) -> None:
    first = served(world)
    before = len(world.calls("POST "))
    answer = handed_on(world, token(world, "bob"), first, to={"worker": "carol"})
    assert (answer.status, answer["detail"]) == (403, "you do not attend this conversation")
    assert len(world.calls("POST ")) == before + 1  # the check of the token


def test_refused_agent_blocks_nobody(world: World) -> None:
    first = served(world)
    assert handed_on(world, token(world, "bob"), first, to={"worker": "carol"}).status == 403
    world.turn_while(lambda: transfer(world, first, to={"worker": "bob"}).status == 409)
    assert transfer(world, first, to={"worker": "bob"}).status == 200


def test_agent_may_not_speak_for_another(world: World) -> None:
    first = served(world, "bob")
    by_worker = handed_on(world, token(world, "bob"), first, **{"from": {"worker_sid": sid_of(world, "alice")}})
    people = world.reconciler.parts.gateway.participants(str(first["interaction_sid"]), str(first["channel_sid"]))
    alice = next(one.sid for one in people if one.worker_sid == sid_of(world, "alice"))
    by_participant = act(world, token(world, "bob"), first, "leave", **{"from": {"participant_sid": alice}})
    assert (by_worker.status, by_participant.status) == (403, 403)
    assert agents(world, first) == ["alice", "bob"]


def test_agent_may_not_name_another_conversation(world: World) -> None:
    mine, other = served(world), served(world, by="carol", attributes={"topic": "billing"})
    body = {"interaction_sid": mine["interaction_sid"], "channel_sid": mine["channel_sid"]}
    answer = send(
        world, token(world, "alice"), "POST", "transfers",
        {**body, "conversation_sid": other["conversation_sid"], "to": {"queue": "support"}},
    )  # fmt: skip
    assert (answer.status, "belong together" in str(answer["detail"])) == (403, True)


def test_repetition_after_the_hand_over_is_answered(world: World) -> None:
    first = served(world)
    alice = token(world, "alice")
    moved = handed_on(world, alice, first, idempotency_key="k")
    world.agent("bob", "accept")
    world.await_state(moved["id"], "accepted")
    world.turn()
    again = handed_on(world, alice, first, idempotency_key="k")
    assert (again.status, again["id"]) == (200, moved["id"])


def test_supervisor_may_anything(world: World) -> None:
    first = served(world)
    boss = token(world, "dave", "supervisor")
    moved = handed_on(world, boss, first, **{"from": {"worker_sid": sid_of(world, "alice")}})
    assert (moved.status, send(world, boss, "GET", "invites").status) == (201, 200)
    assert send(world, boss, "POST", f"invites/{moved['id']}/cancel").status == 200
    gone = act(world, boss, first, "remove", participant={"worker_sid": sid_of(world, "alice")})
    assert (gone.status, gone["outcome"]) == (200, "transferred")


def test_agent_may_not_remove_list_or_escalate(world: World) -> None:
    first = served(world)
    alice = token(world, "alice")
    answers = [
        act(world, alice, first, "remove", participant={"worker_sid": sid_of(world, "alice")}),
        send(world, alice, "GET", "invites"),
        send(world, alice, "POST", "escalations", {"conversation_sid": first["conversation_sid"]}),
        send(world, alice, "POST", "decisions", {"conversation_sid": first["conversation_sid"]}),
    ]
    assert [answer.status for answer in answers] == [403] * 4


def test_agent_leaves_parks_and_wakes_their_own(world: World) -> None:
    first = served(world, "bob")
    alice, bob = token(world, "alice"), token(world, "bob")
    assert act(world, alice, first, "leave")["outcome"] == "left"
    assert act(world, bob, first, "park")["state"] == "parked"
    assert act(world, alice, first, "wake").status == 403
    assert act(world, bob, first, "wake")["state"] == "waking"


def test_agent_ends_only_what_they_attend(world: World) -> None:
    first = served(world)
    assert act(world, token(world, "bob"), first, "end").status == 403
    assert act(world, token(world, "alice"), first, "end")["outcome"] == "ended"


def test_agent_cancels_what_was_asked_for_them(world: World) -> None:
    first = served(world, "carol")
    mine = transfer(world, first, to={"worker": "bob"})
    path = f"invites/{mine['id']}/cancel"
    assert send(world, token(world, "carol"), "POST", path).status == 403
    assert send(world, token(world, "alice"), "POST", path)["state"] == "canceled"


def test_agent_reads_one_record(world: World) -> None:
    first = served(world)
    alice = token(world, "alice")
    moved = handed_on(world, alice, first)
    paths = (f"invites/{moved['id']}", f"transfers/{moved['id']}", f"conversations/{first['conversation_sid']}")
    assert [send(world, alice, "GET", path).status for path in paths] == [200, 200, 200]


def test_token_is_checked_once_for_many_calls(world: World) -> None:
    first = served(world)
    alice = token(world, "alice")
    for _ in range(3):
        send(world, alice, "GET", f"conversations/{first['conversation_sid']}")
    assert len(world.calls("POST /v1/Accounts")) == 1


@pytest.mark.parametrize("bad", ["made.up.token", "a..b.c.d"], ids=["three parts", "five parts"])
def test_unknown_token_is_unauthorized(world: World, bad: str) -> None:
    answer = send(world, bad, "GET", f"conversations/{sid('CH', 1)}")
    assert (answer.status, "Flex token" in str(answer["detail"])) == (401, True)


def test_expired_and_revoked_tokens_are_unauthorized(world: World) -> None:
    soon, taken = token(world, "alice", expires_in_s=1), token(world, "alice")
    world.control("POST", "clock", {"advance_s": 5})
    world.control("POST", "agents/alice/token", {"revoked": True, "token": taken})
    statuses = [send(world, one, "GET", f"conversations/{sid('CH', 1)}").status for one in (soon, taken)]
    assert statuses == [401, 401]


def test_role_that_serves_nobody_is_forbidden(world: World) -> None:
    answer = send(world, token(world, "alice", "wfo.full_access"), "GET", f"conversations/{sid('CH', 1)}")
    assert answer.status == 403


def test_twilio_away_is_told_with_retry_after(world: World) -> None:
    world.fault("POST /v1/Accounts/*", status=503)
    headers = {"Authorization": f"Bearer {token(world, 'alice')}"}
    answer = requests.get(f"{world.url}/v1/conversations/{sid('CH', 1)}", headers=headers, timeout=20)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1


def test_attendance_unknown_is_told_with_retry_after(world: World) -> None:
    first = served(world)
    alice = token(world, "alice")
    world.fault("GET */Participants*", status=503)
    answer = act(world, alice, first, "leave")
    assert answer.status == 503
    world.control("DELETE", "faults")
    assert park(world, first)["state"] == "parked"


def test_tokens_stay_out_of_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="service")
    first = served(world)
    alice = token(world, "alice")
    handed_on(world, alice, first)
    send(world, "canary.canary.canary", "GET", "errands/er_1")
    lines = [one.getMessage() for one in caplog.records if one.name.startswith("service.")]
    out = "".join(line for line in lines if "sandbox" not in line)
    assert f"flex:{sid_of(world, 'alice')}" in out
    assert alice not in out
    assert "canary" not in out


# -- the browser's questions


def preflight(world: World, origin: str, path: str = "transfers") -> requests.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return requests.options(f"{world.url}/v1/{path}", headers=headers, timeout=20)


def test_plugins_page_may_call(world: World) -> None:
    answer = preflight(world, PLUGIN)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, PLUGIN)
    assert {"Authorization", "Content-Type", "Idempotency-Key"} <= set(
        answer.headers["Access-Control-Allow-Headers"].split(", ")
    )
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "path"),
    [("https://evil.example", "transfers"), ("null", "transfers"), (PLUGIN, "events/taskrouter")],
    ids=["other page", "no page", "events"],
)
def test_other_pages_may_not_call(world: World, origin: str, path: str) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(world, origin, path).headers


def test_problems_are_readable_for_the_page(world: World) -> None:
    answer = requests.get(f"{world.url}/v1/errands/none", headers={"Origin": PLUGIN}, timeout=20)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (401, PLUGIN)
    assert "Origin" in answer.headers["Vary"]
