"""The conversations' addresses: what they refuse, what a repetition gets, and what a caller is told meanwhile."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from service.intake.keys import generate_key
from service.tracking.embedded import EmbeddedStore
from tests.conftest import sid
from tests.flow.acts import agents, errand, leave, live_tasks, park, remove, served, sid_of, state, transfer, write
from tests.flow.kept import kept_world, renewed
from tests.flow.test_openapi_answers import faults
from tests.flow.world import Answer, World, sign

ACTS = ("leave", "remove", "end", "park", "wake")
BODIES: dict[str, dict[str, object]] = {"remove": {"participant": {"worker_sid": sid("WK", 1)}}}


def call(world: World, method: str, path: str, **more: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {world.token}"}
    return requests.request(method, f"{world.url}/v1/{path}", timeout=20, headers=headers, **more)


@pytest.fixture(scope="module")
def house(embedded: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from kept_world(embedded.url, tmp_path_factory.mktemp("rules"))


@pytest.fixture
def world(house: World) -> World:
    return renewed(house)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("name", [sid("CH", 404), "CH1", sid("UO", 1)], ids=["unknown", "short", "other kind"])
def test_unknown_conversation_is_told(world: World, act: str, name: str) -> None:
    body = {"from": {"worker_sid": sid("WK", 1)}} if act in ("leave", "park") else BODIES.get(act, {})
    answer = world.post(f"conversations/{name}/{act}", body)
    assert answer.status == 404
    assert "conversation" in str(answer["detail"])


@pytest.mark.parametrize(
    "path", ["conversations/CH1", f"conversations/{sid('CH', 1)}", "errands/er_1", "transfers/iv_1"]
)
def test_unknown_record_is_told(world: World, path: str) -> None:
    assert world.get(path).status == 404


def test_escalation_is_no_transfer(world: World) -> None:
    invite = world.escalate(world.customer()["conversation_sid"])
    assert world.get(f"transfers/{invite['id']}").status == 404


@pytest.mark.parametrize("act", ACTS)
def test_scope_is_asked_for(world: World, act: str) -> None:
    url = f"{world.url}/v1/conversations/{sid('CH', 1)}/{act}"
    stranger, _ = generate_key("stranger", ["*"])
    answer = requests.post(url, json={}, headers={"Authorization": f"Bearer {stranger}"}, timeout=20)
    assert (answer.status_code, requests.post(url, json={}, timeout=20).status_code) == (401, 401)


@pytest.mark.parametrize("act", ["leave", "park"])
def test_app_must_say_who_goes(world: World, act: str) -> None:
    answer = errand(world, act, served(world))
    assert (answer.status, answer["errors"][0]["field"]) == (422, "from")  # type: ignore[index]


def test_park_on_whatsapp_keeps_the_window(world: World) -> None:
    sids = world.customer(channel_type="whatsapp")
    invite = world.escalate(sids["conversation_sid"], channel_type="whatsapp")
    world.agent("alice", "accept")
    first = world.await_state(invite["id"], "accepted")
    refused = park(world, first, wake_after_s=82_801)  # the medium is known from the escalation
    assert (refused.status, refused["errors"][0]["field"]) == (422, "wake_after_s")  # type: ignore[index]
    assert park(world, first, wake_after_s=82_800)["state"] == "parked"


def test_refusal_says_why(world: World) -> None:
    first = served(world)
    answer = leave(world, first, "alice")
    assert (answer.status, answer["type"]) == (409, "/problems/conflict")
    assert "nobody else is on the channel" in str(answer["detail"])
    assert agents(world, first) == ["alice"]


def test_answer_tells_the_errand(world: World) -> None:
    first = served(world, "bob")
    answer = leave(world, first, "alice")
    told = world.get(f"errands/{answer['id']}")
    assert (answer.status, answer["state"], answer["outcome"]) == (200, "done", "left")
    assert answer["who"] == {"worker_sid": sid_of(world, "alice"), "participant_sid": None}
    assert answer["asked_by"] == "key:tests"
    assert {name: told[name] for name in answer.json} == answer.json
    assert told["history"][0]["state"] == "taken"  # type: ignore[index]


def test_same_key_is_the_same_errand(world: World) -> None:
    first = served(world, "bob")
    once = leave(world, first, "alice", idempotency_key="k")
    again = leave(world, first, "alice", idempotency_key="k")
    assert (again.status, again["id"]) == (200, once["id"])


def test_key_of_a_refusal_is_refused_again(world: World) -> None:
    first = served(world)
    answers = [leave(world, first, "alice", idempotency_key="k") for _ in range(2)]
    assert [answer.status for answer in answers] == [409, 409]
    assert answers[0]["detail"] == answers[1]["detail"]


def test_same_key_with_another_body_conflicts(world: World) -> None:
    first = served(world, "bob")
    leave(world, first, "alice", idempotency_key="k")
    other = leave(world, first, "bob", idempotency_key="k")
    assert other.status == 409
    assert "another body" in str(other["detail"])


def test_leaving_again_is_a_new_errand(world: World) -> None:
    first = served(world, "bob")
    once = leave(world, first, "alice")
    assert leave(world, first, "alice")["id"] != once["id"]


def test_same_leave_at_once_is_one_errand(world: World) -> None:
    first = served(world, "bob")
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(leave(world, first, "alice"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert {answer.status for answer in answers} <= {200, 202}
    assert agents(world, first) == ["bob"]


def test_twilio_away_is_taken_up_later(world: World) -> None:
    first = served(world, "bob")
    world.fault("GET */Participants*", status=503, times=2)  # a read is made twice
    answer = leave(world, first, "alice")
    assert (answer.status, answer["state"]) == (202, "taken")
    assert world.turn_until_errand(answer["id"], "done")["outcome"] == "left"
    assert agents(world, first) == ["bob"]


def test_remove_turns_the_last_one_into_a_transfer(world: World) -> None:
    first = served(world)
    answer = remove(world, first, "alice", to={"queue": "billing"})
    assert (answer.status, answer["outcome"]) == (200, "transferred")
    told = world.get(f"transfers/{answer['successor']}")
    assert (told["outcome"], told["asked_by"]) == ("waiting", f"errand:{answer['id']}")


def test_wake_by_key_is_done_once(world: World) -> None:
    first = served(world)
    rests = park(world, first)
    once = errand(world, "wake", first, idempotency_key="w")
    world.turn_until_errand(rests["id"], "done")
    again = errand(world, "wake", first, idempotency_key="w")
    assert (once.status, again.status, again["id"]) == (202, 200, rests["id"])
    assert errand(world, "wake", first).status == 409
    assert len(live_tasks(world, first)) == 1


def test_new_key_wakes_nothing_that_is_not_parked(world: World) -> None:
    first = served(world)
    rests = park(world, first)
    errand(world, "wake", first, idempotency_key="w")
    world.turn_until_errand(rests["id"], "done")
    assert errand(world, "wake", first, idempotency_key="another").status == 409


def test_refused_wake_leaves_its_key_free(world: World) -> None:
    first = served(world)
    transfer(world, first, to={"worker": "bob"}, mode="warm")
    assert park(world, first).status == 409
    assert errand(world, "wake", first, idempotency_key="w").status == 409
    world.agent("bob", "accept")
    leave(world, first, "bob")
    world.turn()
    assert park(world, first).status < 300
    woken = errand(world, "wake", first, idempotency_key="w")
    assert woken.status == 202, woken.json


def test_judge_sees_whom_the_api_has_left_alone(world: World) -> None:
    """Nobody has parked: no webhook waits for the customer's next message."""
    first = served(world)
    gateway, channel = world.reconciler.parts.gateway, (str(first["interaction_sid"]), str(first["channel_sid"]))
    (alice,) = (one for one in gateway.participants(*channel) if one.type == "agent")
    gateway.close_participant(*channel, alice.sid)
    assert world.judge()["orphaned"] == [first["conversation_sid"]]


def test_ended_conversation_says_so(world: World) -> None:
    first = served(world)
    answer = errand(world, "end", first)
    assert (answer.status, answer["outcome"], state(world, first)) == (200, "ended", "closed")


def test_answers_are_as_described(world: World) -> None:
    first = served(world, "bob")
    alice, bob = ({"from": {"worker_sid": sid_of(world, name)}} for name in ("alice", "bob"))
    path = f"conversations/{first['conversation_sid']}"
    for act, body, status in (
        ("leave", {"last": "end"}, 422),
        ("leave", alice, 200),
        ("leave", bob, 409),
        ("remove", {"participant": {"worker_sid": sid_of(world, "alice")}}, 200),
        ("park", bob, 200),
        ("wake", {}, 202),
        ("end", {}, 200),
    ):
        answer = call(world, "POST", f"{path}/{act}", json=body)
        assert (act, answer.status_code) == (act, status), answer.text
        assert faults("POST", f"/v1/conversations/{{conversation_sid}}/{act}", answer) == [], act


# -- what Twilio tells of messages


def told(world: World, first: Answer, rests: Answer, **fields: str) -> int:
    """A conversation webhook as Twilio sends it to a parked conversation."""
    form = {"EventType": "onMessageAdded", "ConversationSid": str(first["conversation_sid"]), "Source": "SMS"} | fields
    query = f"?errand={rests['id']}&interaction={first['interaction_sid']}&channel={first['channel_sid']}"
    url = f"{world.url}/v1/events/conversations{query}"
    signed = url + "".join(name + value for name, value in sorted(form.items()))
    headers = {"X-Twilio-Signature": sign(signed, world.info["auth_token"])}
    return requests.post(url, data=form, headers=headers, timeout=20).status_code


def quiet(world: World) -> tuple[Answer, Answer]:
    first = served(world)
    return first, park(world, first)


def test_message_of_the_customer_wakes(world: World) -> None:
    first, rests = quiet(world)
    assert told(world, first, rests, Body="hello") == 204
    assert world.get(f"errands/{rests['id']}")["state"] == "waking"


@pytest.mark.parametrize(
    "fields", [{"Source": "API"}, {"EventType": "onMessageUpdated"}, {"ConversationSid": sid("CH", 9)}], ids=str
)
def test_other_messages_wake_nobody(world: World, fields: dict[str, str]) -> None:
    first, rests = quiet(world)
    status = told(world, first, rests, **fields)
    assert status == 204
    expected = "waking" if "ConversationSid" in fields else "parked"  # the errand in the address is what counts
    assert world.get(f"errands/{rests['id']}")["state"] == expected


def test_unsigned_message_is_refused(world: World) -> None:
    first, rests = quiet(world)
    form = {"EventType": "onMessageAdded", "ConversationSid": str(first["conversation_sid"])}
    url = f"{world.url}/v1/events/conversations?errand={rests['id']}"
    assert requests.post(url, data=form, timeout=20).status_code == 403
    assert world.get(f"errands/{rests['id']}")["state"] == "parked"


def test_message_without_conversation_is_malformed(world: World) -> None:
    first, rests = quiet(world)
    assert told(world, first, rests, ConversationSid="CH1") == 400


def test_message_calls_nobody_and_is_not_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="service")
    first, rests = quiet(world)
    before = len(world.calls(""))
    told(world, first, rests, Body="canary-text", Author="canary-author")
    assert len(world.calls("")) == before
    lines = [one.getMessage() for one in caplog.records if one.name.startswith("service.")]
    assert any(str(rests["id"]) in line for line in lines)
    assert not any("canary" in line for line in lines)
    assert all("canary" not in str(world.redis.dump(key)) for key in world.redis.scan_iter("*"))


def test_message_during_the_parking_wakes_afterwards(world: World) -> None:
    first = served(world)
    world.fault("POST */Participants/*", status=503, times=1)
    rests = park(world, first)
    assert rests["state"] == "taken"
    write(world, first)
    assert world.turn_until_errand(rests["id"], "done")["outcome"] == "woken"
    assert len(live_tasks(world, first)) == 1


# -- what is described


def test_transfer_keeps_who_asked(world: World) -> None:
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"})
    assert (moved["asked_by"], first["asked_by"]) == ("key:tests", "key:tests")
    canceled = world.post(f"invites/{moved['id']}/cancel", {})
    assert canceled["state"] == "canceled"
    assert "canceled by key:tests" in str(world.get(f"transfers/{moved['id']}").json)
