"""The pages over plain HTTP: what they show, what they never show, and what is left when things break."""

import html
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.reconcile.minutes import note_minute
from service.tracking.embedded import start_embedded
from service.tracking.hours import End
from tests.conftest import sid
from tests.console.house import Visitor, attended, console_settings, stuck_invite
from tests.flow.world import Answer, World

pytestmark = pytest.mark.xdist_group("console")

VIEWS = ("now", "find", "open?state=all", "stuck", "rules", "system")
CANARY = "canary-7f3a"


@pytest.fixture
def waiting(world: World) -> Answer:
    made = world.escalate(world.customer()["conversation_sid"], attributes={"topic": "billing", "tier": "gold"})
    assert made.status == 201
    return made


# -- find


@pytest.mark.parametrize("name", ["conversation_sid", "channel_sid", "interaction_sid", "task_sid", "id", "invite_sid"])
def test_any_sid_leads_to_the_story(operator: Visitor, waiting: Answer, name: str) -> None:
    if waiting[name] is None:
        pytest.skip(f"a first escalation has no {name}")
    page = operator.get(f"find?sid={waiting[name]}").text
    assert "Waiting for an agent" in page
    assert str(waiting["conversation_sid"]) in page
    assert "queue tier2-billing" in page


def test_line_of_a_log_will_do(operator: Visitor, waiting: Answer) -> None:
    line = json.dumps({"event": "invite.created", "task": waiting["task_sid"], "level": "info"})
    assert "Waiting for an agent" in operator.get(f"find?sid={line}").text


def test_story_tells_why_this_rule(operator: Visitor, world: World) -> None:
    made = world.escalate(world.customer()["conversation_sid"], attributes={"topic": "billing"})
    page = html.unescape(operator.get(f"find?sid={made['id']}").text)
    assert 'attributes.topic == "billing"' in page
    assert "Passed over before it" in page
    assert 'attributes.tier IN ["gold", "platinum"]' in page


def test_worker_of_several_conversations_lists_them(operator: Visitor, world: World) -> None:
    worker = sid("WK", 77)  # whom no other test has met
    store = world.reconciler.parts.store
    sids = [stuck_invite(world, 900 + number, trouble="x") for number in range(2)]
    for one in sids:
        held = store.get(one)
        assert held is not None
        store.touch(one, held.state, fields={"worker_sid": worker})
    page = operator.get(f"find?sid={worker}").text
    assert "It belongs to several conversations" in page
    assert page.count("CH<span") == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hello", "There is no SID in it"),
        ("CH" + "0" * 32, "Nothing is known of it"),
        ("iv_00_" + "0" * 32, "There is no record of this id"),
        ("er_00_" + "0" * 32, "There is no record of this id"),
        ("WT" + "e" * 32, "None of the newest"),
        ("KD" + "e" * 32, "None of the newest"),
        ("UO" + "e" * 32, "None of the newest"),
        ("EV" + "0" * 32, "SIDs that begin with EV are not kept"),
        ("<script>alert(1)</script>", "There is no SID in it"),
    ],
)
def test_nothing_found_is_explained(operator: Visitor, text: str, told: str) -> None:
    page = operator.get("find?sid=" + text)
    assert (page.status_code, told in page.text) == (200, True)
    assert "<script>alert" not in page.text


def test_twilio_says_who_is_there(operator: Visitor, waiting: Answer) -> None:
    assert "<strong>customer</strong>" in operator.get(f"live?sid={waiting['conversation_sid']}").text


# -- open


def test_filters_narrow_the_list(operator: Visitor, waiting: Answer, world: World) -> None:
    stuck_invite(world, 2000, trouble="x")
    short = str(waiting["conversation_sid"])
    assert short in operator.get("open?state=pending&rule=billing").text
    assert short not in operator.get("open?state=pending&rule=leave-open").text
    assert short not in operator.get("open?state=requested").text
    assert short not in operator.get("open?state=pending&kind=transfer").text


# -- the others


def test_now_shows_the_last_hours(operator: Visitor, world: World) -> None:
    assert "No figures yet" in operator.get("now").text
    assert note_minute(world.reconciler.parts)
    assert not note_minute(world.reconciler.parts)
    world.reconciler.parts.hours.note_end(End(0, "iv_00_" + "0" * 32, None, "closed", "nobody is left"))
    page = operator.get("now?hours=1").text
    assert "data-chart=" in page
    assert "nobody is left" in page


def test_lapsed_invite_is_told_among_the_ends(operator: Visitor, world: World) -> None:
    made = world.escalate(world.customer()["conversation_sid"], attributes={"topic": "leave"})
    world.advance(90_000)
    world.turn_until(made["id"], "released", "closed")
    assert str(made["conversation_sid"]) in operator.get("now").text


def test_rules_are_shown_in_order(operator: Visitor) -> None:
    page = html.unescape(operator.get("rules").text)
    places = [page.index(f"<h3>{name}</h3>") for name in ("billing", "simple-billing", "leave-open", "default")]
    assert places == sorted(places)
    assert 'attributes.topic == "billing" AND attributes.tier IN ["gold", "platinum"]' in page


def test_trial_says_the_rule_and_why(operator: Visitor) -> None:
    page = html.unescape(operator.post("rules", attributes='{"topic": "billing", "tier": "iron"}').text)
    outcome = page.split('class="outcome"')[1]
    assert "Rule <strong>simple-billing</strong>" in outcome
    assert 'attributes.tier is "iron"' in outcome


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"attributes": "{"}, "attributes must be a JSON object"),
        ({"conversation_sid": "CH1"}, "conversation_sid"),
        ({"attributes": '{"a": "</textarea><script>x</script>"'}, "attributes must be a JSON object"),
    ],
)
def test_trial_that_cannot_be_is_told(operator: Visitor, fields: dict[str, str], told: str) -> None:
    answer = operator.post("rules", **fields)
    assert (answer.status_code, told in answer.text) == (422, True)
    assert "<script>x" not in answer.text


def test_system_tells_no_secret(operator: Visitor, world: World) -> None:
    page = operator.get("system").text
    settings = world.settings
    for secret in (settings.twilio_auth_token, settings.redis_url, settings.console_password_hash, world.token):
        assert secret
        assert secret not in page
    assert "TWILIO_AUTH_TOKEN" in page


def test_customers_words_are_on_no_page(operator: Visitor, world: World) -> None:
    body = {"channel_type": "web", "address": f"{CANARY}@example.com", "body": CANARY}
    conversation = world.control("POST", "conversations", body)["conversation_sid"]
    made = world.escalate(conversation, attributes={"topic": "billing", "note": CANARY}, reason=CANARY)
    pages = [*VIEWS, f"find?sid={conversation}", f"live?sid={conversation}", "open?state=pending&order=newest"]
    pages += [f"confirm?act={act}&on={made['id']}" for act in ("cancel", "reroute", "end", "retry")]
    for page in pages:
        answer = operator.get(page)
        assert answer.status_code == 200, page
        assert CANARY not in answer.text, page


def test_canary_of_every_field_is_on_no_page(operator: Visitor, world: World) -> None:
    """Also names of attributes, keys, what Twilio says, and what agents and apps give for errands."""
    attributes = {"topic": "billing", CANARY: CANARY, "deep": {CANARY: [CANARY]}}
    wish: dict[str, Any] = {
        "reason": CANARY,
        "attributes": attributes,
        "idempotency_key": CANARY,
        "channel_type": "web",
    }
    refusal = {"code": 20001, "message": CANARY, "status": 400, "more_info": CANARY}
    made = world.escalate(world.customer()["conversation_sid"], headers={"User-Agent": CANARY}, **wish)
    for status in (400, 503):
        world.fault("POST /v1/Interactions*", status=status, body=refusal, times=1)
        world.escalate(world.customer()["conversation_sid"], **wish | {"idempotency_key": f"{CANARY}-{status}"})
    world.reconciler.parts.taskrouter.cancel_task(str(made["task_sid"]), CANARY)
    held = attended(world)
    who = {"from": {"worker_sid": world.invite(held["id"])["worker_sid"]}}
    parked = world.post(
        f"conversations/{held['conversation_sid']}/park", {**who, "reason": CANARY, "attributes": {CANARY: CANARY}}
    )
    operator.post("act", act=CANARY, on=CANARY)
    operator.post("sign-in", operator.token("rules"), password=CANARY)
    records = [one["id"] for one in (made, held, parked)]
    pages = [*VIEWS, "twilio", "open?state=all&order=newest", f"live?sid={held['conversation_sid']}"]
    pages += [f"find?sid={record}" for record in (*records, held["conversation_sid"])]
    pages += [f"confirm?act={act}&on={on}" for act in ("cancel", "reroute", "end", "retry", "wake") for on in records]
    assert parked.status < 300
    for page in pages:
        assert CANARY not in operator.get(page).text, page


@pytest.mark.parametrize("text", ["<img src=x onerror=alert(1)>", '"><script>alert(1)</script>', "{{ 7 * 7 }}"])
def test_nothing_stored_is_taken_for_markup(operator: Visitor, world: World, text: str) -> None:
    stuck_invite(world, 3000 + len(text), trouble=text)
    for page in ("stuck", "open?state=requested&order=newest"):
        shown = operator.get(page).text
        assert text in html.unescape(shown)
        assert "<" not in text or text not in shown


def test_address_puts_no_words_into_our_mouth(operator: Visitor) -> None:
    assert "Done: 8 due now." in operator.get("stuck?done=8+due+now").text
    for page in ("stuck", "find"):
        assert "Call" not in operator.get(f"{page}?done=Call+0123+now!").text


def test_pages_hold_no_script_or_style_of_their_own(operator: Visitor, waiting: Answer) -> None:
    for page in (*VIEWS, f"find?sid={waiting['id']}", f"confirm?act=end&on={waiting['id']}"):
        shown = operator.get(page).text
        assert "style=" not in shown, page
        assert "<style" not in shown, page
        assert shown.count("<script") == shown.count("<script src=")
        assert " onclick=" not in shown, page


# -- what is left


@pytest.fixture
def doomed(rules_file: Path, tmp_path: Path) -> Iterator[tuple[World, Visitor]]:
    """A world whose store goes away, and somebody who signed in before."""
    store = start_embedded(tmp_path)
    running = World(store.url, str(rules_file), **console_settings())
    visitor = Visitor(running)
    visitor.sign_in()
    store.close()
    yield running, visitor
    running.close()


def test_console_stands_while_the_store_is_away(doomed: tuple[World, Visitor]) -> None:
    world, visitor = doomed
    now = visitor.get("now")
    assert (now.status_code, "The store does not answer" in now.text) == (200, True)
    assert now.text.count("Not known while the store is away.") == 3
    assert "Nothing is open" not in now.text, "an empty list would be a lie"
    system = visitor.get("system")
    assert (system.status_code, system.text.count("Not known while the store is away.")) == (200, 3)
    rules = visitor.get("rules")
    assert (rules.status_code, "is not known while the store is away" in rules.text) == (200, True)
    for page in ("open", "stuck", f"find?sid=CH{'0' * 32}"):
        answer = visitor.get(page)
        assert (answer.status_code, "The store is not available" in answer.text) == (503, True), page
    late = Visitor(world)
    assert late.sign_in().status_code == 303
    assert late.get("now").status_code == 200


def test_twilio_away_is_told_on_now(operator: Visitor, world: World) -> None:
    world.fault("GET */Tasks/*", status=503)
    deadline = time.monotonic() + 40
    while "does not answer us" not in operator.get("twilio").text:
        assert time.monotonic() < deadline, "nobody has noticed"
        time.sleep(0.5)
    assert "Twilio does not answer us." in operator.get("now").text
    world.control("DELETE", "faults")
