"""/metrics of the whole service: what has happened is counted, what is there is read, and nothing else is told."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from service.app import show_metrics
from service.intake.keys import generate_key
from service.metrics.families import FAMILIES
from service.reconcile.readings import refresh_rules
from service.rules.loading import RulesFile
from service.tracking.embedded import start_embedded
from tests.conftest import sid
from tests.flow.kept import Build
from tests.flow.world import World
from tests.metrics.conftest import Watcher, samples_of
from tests.project.test_proxy import free_port

CANARY = "Zq7-canary-Zq7"
SOME_EVENT = {"Sid": sid("EV", 1), "TaskSid": sid("WT", 1), "Timestamp": "1795385000", "TaskAttributes": "{}"}
A_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}|iv_[0-9]{2}_")


def event(kind: str, **fields: str) -> dict[str, str]:
    return {"EventType": kind, **SOME_EVENT, **fields}


def test_request_is_counted_by_rule_and_outcome(world: World, watcher: Watcher) -> None:
    conversation = world.customer()["conversation_sid"]
    for _ in range(3):
        world.escalate(conversation, attributes={"topic": "billing"})
    of_rule = {"kind": "escalation", "rule": "billing"}
    assert watcher.added("requests_total", **of_rule, outcome="made") == 1
    assert watcher.added("requests_total", **of_rule, outcome="seen_before") == 2


def test_refused_request_is_counted_by_its_rule(world: World, watcher: Watcher) -> None:
    world.fault("POST /v1/Interactions", status=400, when="before", times=1)
    assert world.escalate(world.customer()["conversation_sid"], attributes={"topic": "billing"}).status == 422
    assert watcher.added("requests_total", kind="escalation", rule="billing", outcome="refused") == 1


@pytest.mark.parametrize(
    ("attributes", "rule", "outcome"),
    [
        ({"topic": "a"}, "first", "first_step"),
        ({"topic": "b"}, "second", "later_step"),
        ({"topic": "c"}, "third", "no_step_fits"),
        ({}, "default", "first_step"),
    ],
)
def test_decision_is_counted_by_the_step_that_is_tried(
    build: Build, attributes: dict[str, str], rule: str, outcome: str
) -> None:
    world = build()
    skipped = "{workflow: everyone, skip_if: attributes.topic != null}"
    Path(world.settings.rules_file).write_text(
        f"""
version: 1
rules:
  - {{name: first, when: attributes.topic == "a", route: {{workflow: everyone}}}}
  - {{name: second, when: attributes.topic == "b", route: {skipped}, fallback: [{{workflow: everyone}}]}}
  - {{name: third, when: attributes.topic == "c", route: {skipped}, fallback: [{skipped}]}}
default: {{workflow: everyone}}
"""
    )
    world.await_rule_file()
    watcher = Watcher(f"{world.url}/metrics")
    world.escalate(world.customer()["conversation_sid"], attributes=attributes)
    assert watcher.added("decisions_total", kind="escalation", rule=rule, outcome=outcome) == 1
    assert watcher.added("decisions_total") == 1
    world.post("decisions", {"conversation_sid": sid("CH", 1), "attributes": attributes})
    assert watcher.added("decisions_total", kind="escalation", rule=rule, outcome="dry_run") == 1


def test_answers_are_counted_by_address(world: World, watcher: Watcher) -> None:
    world.escalate("no-sid")
    requests.get(f"{world.url}/v1/nothing-here", timeout=20)
    assert watcher.added("http_requests_total", endpoint="api.escalations", status="422") == 1
    assert watcher.added("http_requests_total", endpoint="none", status="404") == 1
    assert watcher.added("problems_total", problem="invalid-fields") == 1
    assert watcher.added("http_request_duration_seconds_count", endpoint="api.escalations") == 1


def test_events_are_counted_by_what_became_of_them(world: World, watcher: Watcher) -> None:
    world.control("POST", "callbacks", {"doubled": True})
    answer = world.escalate(world.customer()["conversation_sid"])
    world.agent("alice", "accept")
    world.await_state(answer["id"], "accepted")
    accepted = {"source": "callback", "type": "reservation.accepted"}
    assert watcher.added("events_total", **accepted, outcome="moved") == 1
    assert watcher.added("event_delay_seconds_count", source="callback") >= 1
    world.advance(0)
    assert watcher.added("events_total", **accepted, outcome="duplicate") == 1


def test_unsigned_event_counts_as_refused(world: World, watcher: Watcher) -> None:
    requests.post(f"{world.url}/v1/events/taskrouter", data={"EventType": "task.canceled"}, timeout=20)
    assert watcher.added("events_total", source="callback", outcome="refused") == 1


def test_event_of_another_workspace_is_told_apart(world: World, watcher: Watcher) -> None:
    assert world.event(event("task.canceled", WorkspaceSid=sid("WS", 7))) == 204
    assert watcher.added("events_total", outcome="other_workspace") == 1


def test_lapse_is_counted_to_its_close(world: World, watcher: Watcher) -> None:
    answer = world.escalate(world.customer()["conversation_sid"], attributes={"topic": "billing"})
    world.advance(700)
    world.turn_until(answer["id"], "closed")
    assert watcher.added("lapses_total") == 1
    assert watcher.added("verdicts_total", act="close") >= 1
    assert watcher.added("finished_total", outcome="closed", reason="no agent and no live task") == 1
    assert watcher.added("work_duration_seconds_count", record="invite") >= 1


def test_caught_up_event_is_told_from_a_callback(world: World, watcher: Watcher) -> None:
    world.control("POST", "callbacks", {"lost": True})
    answer = world.escalate(world.customer()["conversation_sid"])
    world.agent("alice", "accept")
    world.catch_up()
    assert world.invite(answer["id"])["state"] == "accepted"
    assert watcher.added("events_total", source="catch_up", type="reservation.accepted", outcome="moved") == 1
    assert watcher.added("catch_ups_total", outcome="done") == 1
    assert watcher.value("catch_up_age_seconds") is not None


def test_twilio_calls_are_counted_by_operation(world: World, watcher: Watcher) -> None:
    world.fault("POST /v1/Interactions", status=400, when="before", times=1)
    world.escalate(world.customer()["conversation_sid"])
    world.fault("POST /v1/Interactions", reset=True, when="before", times=1)
    world.escalate(world.customer()["conversation_sid"])
    create = {"operation": "create interaction"}
    assert watcher.added("twilio_calls_total", **create, status="4xx") == 1
    assert watcher.added("twilio_calls_total", **create, status="lost") == 1
    assert watcher.added("twilio_call_duration_seconds_count", **create) == 2


def test_every_call_has_a_name(world: World, watcher: Watcher) -> None:
    answer = world.escalate(world.customer()["conversation_sid"], attributes={"topic": "ladder"})
    world.advance(70)
    world.turn_until(answer["id"], "superseded")
    world.catch_up()
    assert watcher.added("twilio_calls_total") > 5
    assert watcher.added("twilio_calls_total", operation="other") == 0


def test_open_invites_are_read_from_the_store(world: World, watcher: Watcher) -> None:
    answers = [world.escalate(world.customer()["conversation_sid"]) for _ in range(3)]
    world.agent("alice", "accept", task_sid=str(answers[0]["task_sid"]))
    world.await_state(answers[0]["id"], "accepted")
    for answer in answers[1:]:
        world.await_state(answer["id"], "pending")
    assert (watcher.value("open_records", state="pending"), watcher.value("open_records", state="accepted")) == (2, 1)
    assert watcher.value("oldest_record_age_seconds", state="pending") is not None
    assert watcher.value("oldest_record_age_seconds", state="lapsed") is None


def test_rules_are_told_by_hash_and_age(world: World, watcher: Watcher, tmp_path: Path) -> None:
    sha256 = str(world.post("decisions", {"conversation_sid": "CH" + "0" * 32})["rules_sha256"])
    assert watcher.value("rules_info", sha256=sha256[:12]) == 1
    assert watcher.value("rules_fault") == 0
    assert watcher.value("rules_loaded_timestamp_seconds") is not None


def test_refused_rules_are_told_once(
    world: World, watcher: Watcher, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "other.yaml"
    path.write_text("version: 1\ndefault: {workflow: everyone}\n")
    book = replace(world.reconciler.book, rules=RulesFile(path, every_ms=0))
    book.rules.load(1)
    for text in ("nonsense", "nonsense", "version: 1\ndefault: {workflow: callbacks}\n"):
        path.write_text(text)
        refresh_rules(book, 2)
    assert watcher.added("rules_reloads_total", outcome="refused") == 2
    assert watcher.added("rules_reloads_total", outcome="taken_up") == 1
    lines = [record.getMessage() for record in caplog.records]
    assert [sum(name in line for line in lines) for name in ("rules.refused", "rules.taken_up")] == [1, 1]


def test_store_that_is_away_is_told(build: Build, tmp_path: Path) -> None:
    store = start_embedded(tmp_path / "own")
    try:
        world = build(REDIS_URL=store.url)
        watcher = Watcher(f"{world.url}/metrics")
        assert watcher.value("store_up") == 1
        store.kill()
        assert watcher.value("store_up") == 0
        assert watcher.value("open_records", state="pending") is None
        assert watcher.added("store_faults_total") >= 1
    finally:
        store.close()


def test_openmetrics_is_spoken_if_asked_for(world: World) -> None:
    answer = requests.get(f"{world.url}/metrics", headers={"Accept": "application/openmetrics-text"}, timeout=20)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_key_with_the_scope_closes_the_door(build: Build) -> None:
    token, entry = generate_key("prometheus", ["metrics"])
    other, entry_of_other = generate_key("crm", ["escalate"])
    address = f"{build(API_KEYS=f'{entry} {entry_of_other}').url}/metrics"
    given = [{"Authorization": f"Bearer {one}"} for one in (token, other)]
    statuses = [requests.get(address, headers=headers, timeout=20).status_code for headers in (*given, {})]
    assert statuses == [200, 403, 401]


def test_reconciler_shows_its_own(world: World) -> None:
    settings = world.settings.model_copy(update={"metrics_port": free_port()})
    show_metrics(settings, world.reconciler.book)
    text = requests.get(f"http://127.0.0.1:{settings.metrics_port}/metrics", timeout=20).text
    names = {name for name, _ in samples_of(text)}
    assert {"flex_router_rules_fault", "flex_router_store_call_duration_seconds_count"} <= names


def test_taken_port_does_not_stop_the_reconciler(world: World, caplog: pytest.LogCaptureFixture) -> None:
    taken = int(world.url.rpartition(":")[2])
    show_metrics(world.settings.model_copy(update={"metrics_port": taken}), world.reconciler.book)
    assert [record.getMessage() for record in caplog.records if "metrics.not_shown" in record.getMessage()]


def test_canary_and_sids_are_in_no_label(world: World) -> None:
    """Through the body, the keys, the headers, the address, an event, Twilio's own answers and request ids."""
    canary = {"Idempotency-Key": CANARY, "X-Request-Id": CANARY, "User-Agent": CANARY}
    attributes = {"topic": "ladder", "name": CANARY, CANARY: CANARY}
    body = {"reason": CANARY, "attributes": attributes, "idempotency_key": CANARY}
    made = world.escalate(world.customer()["conversation_sid"], headers=canary, **body)
    world.escalate(CANARY)
    world.event(event(CANARY, WorkspaceSid=world.info["workspace_sid"], Reason=CANARY))
    world.fault("POST /v1/Interactions*", status=400, body={"code": 1, "message": CANARY, "status": 400}, times=1)
    world.escalate(world.customer()["conversation_sid"], reason=CANARY)
    requests.request(CANARY, f"{world.url}/v1/{CANARY}?{CANARY}", headers=canary, timeout=20)
    world.reconciler.parts.taskrouter.cancel_task(str(made["task_sid"]), CANARY)
    world.turn()
    text = requests.get(f"{world.url}/metrics", timeout=20).text
    assert CANARY not in text
    assert A_SID.findall(text) == []


def test_nothing_undeclared_is_shown(watcher: Watcher) -> None:
    plain = {re.sub(r"_(bucket|count|sum)$", "", name) for name, _ in watcher.now()}
    assert plain - FAMILIES.keys() == set()
    assert len(plain) > 10
