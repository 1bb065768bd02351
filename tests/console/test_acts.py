"""What an operator does: previewed, done the way an app's call is, and written into the audit trail."""

import re

import pytest

from service.console.acting import named
from service.model import Route, State
from tests.console.house import Visitor, attended, stuck_invite
from tests.flow.world import Answer, World

pytestmark = pytest.mark.xdist_group("console")


def waiting(world: World, **attributes: str) -> Answer:
    made = world.escalate(world.customer()["conversation_sid"], attributes=attributes)
    assert made.status == 201
    return made


def cleared(world: World) -> World:
    """The world without waiting invites of other tests: agents have hands for a few only."""
    waiting_now = world.get("invites?state=pending&limit=40").json["invites"]
    assert isinstance(waiting_now, list)
    for one in waiting_now:
        world.post(f"invites/{one['id']}/cancel", {})
    return world


def story(world: World, conversation_sid: object) -> list[dict]:  # type: ignore[type-arg]  # free-form JSON
    """The invites of a conversation, oldest first."""
    invites = world.get(f"conversations/{conversation_sid}").json["invites"]
    assert isinstance(invites, list)
    return invites


def last_act(operator: Visitor) -> str:
    """The newest line of the audit trail, as its page shows it."""
    table = operator.get("system").text.split('class="list acts-done"')[1]
    row = table.split("<tbody>")[1].split("</tr>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", row).split())


def test_preview_changes_nothing(operator: Visitor, world: World) -> None:
    made = waiting(world)
    for act in ("cancel", "reroute", "end", "retry"):
        page = operator.get(f"confirm?act={act}&on={made['id']}")
        assert (page.status_code, str(made["id"]) in page.text) == (200, True)
    assert world.invite(made["id"])["state"] == "pending"


def test_cancel_ends_the_task(operator: Visitor, world: World) -> None:
    made = waiting(world)
    answer = operator.post("act", act="cancel", on=str(made["id"]))
    assert answer.headers["Location"].startswith(f"find?sid={made['conversation_sid']}")
    assert world.invite(made["id"])["state"] == "canceled"
    assert last_act(operator).endswith("canceled")
    history = world.get(f"conversations/{made['conversation_sid']}").json["events"]
    assert "canceled by console:operator" in str(history)


def test_reroute_asks_the_rules_anew(operator: Visitor, world: World) -> None:
    made = waiting(world, topic="billing")
    preview = operator.get(f"confirm?act=reroute&on={made['id']}").text
    assert "rule simple-billing, and first queue billing" in preview
    assert operator.post("act", act="reroute", on=str(made["id"])).status_code == 303
    told = story(world, made["conversation_sid"])
    assert [one["state"] for one in told] == ["canceled", "pending"]
    assert told[1]["asked_by"] == "console:operator"
    world.turn()
    assert str(made["conversation_sid"]) not in str(world.judge())


def test_second_click_reroutes_once(operator: Visitor, world: World) -> None:
    made = waiting(world)
    first = operator.post("act", act="reroute", on=str(made["id"]))
    second = operator.post("act", act="reroute", on=str(made["id"]))
    assert (first.status_code, second.status_code) == (303, 409)
    told = story(world, made["conversation_sid"])
    assert len(told) == 2


def test_task_of_others_is_rerouted_by_what_it_carries(operator: Visitor, world: World) -> None:
    person = world.customer(interaction=True)
    route = Route(world.info["workflows"]["everyone"], "everyone")
    gateway = world.reconciler.parts.gateway
    made = gateway.create_invite(person["interaction_sid"], person["channel_sid"], route, {"topic": "leave"})
    row = world.await_listed("kind=adopted", made.task_sid)
    assert "rule leave-open" in operator.get(f"confirm?act=reroute&on={row['id']}").text
    assert operator.post("act", act="reroute", on=row["id"]).status_code == 303
    assert [one["rule"] for one in story(world, row["conversation_sid"]) if one["state"] == "pending"] == ["leave-open"]


def test_end_closes_the_conversation(operator: Visitor, world: World) -> None:
    made = waiting(world)
    assert operator.post("act", act="end", on=str(made["id"])).status_code == 303
    world.turn()
    assert world.conversation(str(made["conversation_sid"]))["state"] == "closed"


def test_parked_conversation_is_woken(operator: Visitor, world: World) -> None:
    made = attended(cleared(world))
    worker = world.invite(made["id"])["worker_sid"]
    parked = world.post(f"conversations/{made['conversation_sid']}/park", {"from": {"worker_sid": worker}})
    assert parked["state"] == "parked"
    assert operator.post("act", act="wake", on=str(parked["id"])).status_code == 303
    assert world.turn_until_errand(parked["id"], "done")["outcome"] == "woken"


def test_looking_now_makes_it_due(operator: Visitor, world: World) -> None:
    invite_id = stuck_invite(world, 1, trouble="Twilio failed (503)")
    assert operator.post("act", act="retry", on=invite_id).status_code == 303
    held = world.reconciler.parts.store.get(invite_id)
    assert held is not None
    assert held.due_ms is not None
    assert held.due_ms <= world.reconciler.parts.store.now_ms()


def test_whole_group_is_retried(operator: Visitor, world: World) -> None:
    ids = [stuck_invite(world, 100 + number, trouble="a cause of its own") for number in range(8)]
    other = stuck_invite(world, 120, trouble="another cause")
    page = operator.get("stuck").text
    on = re.search(r'on=(requested:[0-9a-f]{16})">Retry 8<', page)
    assert on, page
    assert "8 records that are stuck for this cause" in operator.get(f"confirm?act=retry-group&on={on[1]}").text
    answer = operator.post("act", act="retry-group", on=on[1])
    assert answer.headers["Location"] == "stuck?done=8+due+now"
    assert last_act(operator).endswith("retry a group being made: a cause of its own 8 due now")
    now_ms = world.reconciler.parts.store.now_ms()
    due = {one.id: one.due_ms for one in world.reconciler.parts.store.get_many([*ids, other])}
    assert all((due[one] or 0) <= now_ms for one in ids)
    assert (due[other] or 0) > now_ms


@pytest.mark.parametrize(
    ("act", "on", "status"),
    [
        ("cancel", "iv_00_" + "0" * 32, 404),
        ("cancel", "nonsense", 404),
        ("retry-group", "requested:nonsense", 404),
        ("retry-group", "nonsense", 404),
        ("destroy", "iv_00_" + "0" * 32, 404),
    ],
)
def test_what_is_not_there_is_told(operator: Visitor, act: str, on: str, status: int) -> None:
    assert operator.get(f"confirm?act={act}&on={on}").status_code == status
    assert operator.post("act", act=act, on=on).status_code == status


@pytest.mark.parametrize(
    ("act", "on", "noted"),
    [
        ("cancel", "iv_00_" + "0" * 32, ("cancel", "iv_00_" + "0" * 32)),
        ("retry-group", "requested:" + "0" * 16, ("retry-group", "requested:" + "0" * 16)),
        ("cancel", "+49 171 5550100", ("cancel", "")),
        ("what is this", "ada@example.com", ("no such act", "")),
    ],
)
def test_of_a_form_that_came_to_nothing_only_our_words_are_noted(act: str, on: str, noted: tuple[str, str]) -> None:
    assert named(act, on) == noted


def test_late_cancel_is_told_and_noted(operator: Visitor, world: World) -> None:
    made = attended(cleared(world))
    answer = operator.post("act", act="cancel", on=str(made["id"]))
    assert answer.status_code == 409
    assert "It is with an agent by now" in answer.text
    assert last_act(operator).endswith("conflict")


def test_act_whose_answer_was_lost_is_not_called_undone(operator: Visitor, world: World) -> None:
    made = waiting(world)
    world.fault("POST */Tasks/*", status=503, when="after", times=1)
    answer = operator.post("act", act="cancel", on=str(made["id"]))
    assert (answer.status_code, "It is not known whether this was done" in answer.text) == (503, True)
    assert last_act(operator).endswith("twilio-ambiguous")


def test_act_that_surely_did_not_happen_may_be_tried_again(operator: Visitor, world: World) -> None:
    made = waiting(world)
    world.fault("POST */Tasks/*", status=429, when="before", times=1)
    answer = operator.post("act", act="cancel", on=str(made["id"]))
    assert (answer.status_code, "This was not done" in answer.text, "Nothing was changed" in answer.text) == (
        503,
        True,
        True,
    )


def test_act_names_the_person(world: World) -> None:
    ada = Visitor(world)
    ada.sign_in(name="Ada Byron")
    made = waiting(world)
    ada.post("act", act="cancel", on=str(made["id"]))
    assert "Ada Byron operator cancel" in last_act(ada)


def test_trouble_is_kept_until_it_is_over(operator: Visitor, world: World) -> None:
    world.fault("POST /v1/Interactions", status=503, times=1)
    made = world.escalate(world.customer()["conversation_sid"])
    assert made["state"] == "requested"
    assert "Twilio failed (503)" in operator.get("stuck").text
    found = world.turn_until(made["id"], "pending")
    held = world.reconciler.parts.store.get(str(found["id"]))
    assert held is not None
    assert (held.trouble, held.state) == (None, State.PENDING)
