"""What the command line says about the rules file that is delivered, and about broken ones."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from service.rules.commands import check, explain_text, replay_text, schema
from service.rules.resolve import Directory

SEED = Directory(
    workflows={name: f"WW{number:032x}" for number, name in enumerate(("everyone", "transfers", "callbacks"))},
    queues={
        name: f"WQ{number:032x}" for number, name in enumerate(("everyone", "support", "billing", "tier2-billing"))
    },
    workers={name: f"WK{number:032x}" for number, name in enumerate(("alice", "bob", "carol", "dave"))},
    task_channels={name: f"TC{number:032x}" for number, name in enumerate(("default", "chat", "sms"))},
)

MISTAKES = """\
version: 1
facts: {attributes.tier: text}
via: transfers
rules:
  - name: Gold
    when: attributes.teir == "gold"
    route: {queue: billing, timeout: soon}
  - name: sms
    when: request.channel_type == 5
    route: {qeue: support}
default: {workflow: everyone}
"""


@pytest.fixture
def delivered(repository: Path) -> Path:
    return repository / "config" / "rules.yaml"


def test_delivered_rules_have_no_fault(delivered: Path) -> None:
    code, text = check(delivered)
    assert (code, text) == (
        0,
        f"{delivered}: 10 rules and a default, no faults; targets were not compared with a workspace\n",
    )


def test_delivered_rules_fit_the_local_twilio(delivered: Path) -> None:
    code, text = check(delivered, SEED)
    assert code == 0
    assert "every target exists" in text


def test_five_mistakes_are_shown_with_carets(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(MISTAKES)
    code, text = check(path)
    assert code == 1
    assert text.splitlines() == [
        "rules.yaml:5:11: name must be a name of 1 to 64 characters out of a-z, 0-9 and -",
        "    5 |   - name: Gold",
        "      |           ^^^^",
        "rules.yaml:6:11: attributes.teir is not declared under facts; did you mean 'attributes.tier'?",
        '    6 |     when: attributes.teir == "gold"',
        "      |           ^^^^^^^^^^^^^^^",
        "rules.yaml:7:38: timeout must be a time such as 20s, 2m, 12h or 14d, or plain seconds",
        "    7 |     route: {queue: billing, timeout: soon}",
        "      |                                      ^^^^",
        "rules.yaml:9:11: a text is compared with a number, so this never holds",
        "    9 |     when: request.channel_type == 5",
        "      |           ^^^^^^^^^^^^^^^^^^^^^^^^^",
        "rules.yaml:10:13: there is no key 'qeue' here (allowed: workflow, queue, worker, direct, task_channel, "
        "priority, timeout, skip_if, recheck, attributes); did you mean 'queue'?",
        "   10 |     route: {qeue: support}",
        "      |             ^^^^",
        "",
        f"5 faults in {path}",
    ]


def test_target_that_does_not_exist_is_a_fault(delivered: Path) -> None:
    code, text = check(delivered, Directory(SEED.workflows, {"support": "WQ1"}, SEED.workers, SEED.task_channels))
    assert code == 1
    assert "the workspace has no queue 'tier2-billing' (there are: support)" in text


def test_missing_file_is_told(tmp_path: Path) -> None:
    code, text = check(tmp_path / "none.yaml")
    assert (code, text.splitlines()[0]) == (1, "none.yaml:1:1: the file cannot be read: No such file or directory")


def test_explanation_tells_rule_reasons_and_steps(delivered: Path) -> None:
    request = {"kind": "transfer", "attributes": {"topic": "weather", "preferred_worker": "alice"}}
    code, text = explain_text(delivered, json.dumps(request))
    assert code == 0
    assert text.splitlines() == [
        "  passed over  back-to-the-same-agent",
        '                 false  request.kind == "escalation"',
        '                        request.kind is "transfer"',
        "  passed over  paid-billing-to-known-agent",
        '                 false  request.kind == "escalation"',
        '                        request.kind is "transfer"',
        "  passed over  transfer-by-skill",
        '                 false  attributes.skills HAS "billing"',
        "                        attributes.skills is null",
        "  MATCHES      any-other-transfer",
        '                 true   request.kind == "transfer"',
        '                        request.kind is "transfer"',
        "",
        "  then",
        "    1. queue support, workflow transfers, priority 70, for 600 s at most",
        "    the agent who transfers goes once the task is in its queue (where a cold transfer does not say otherwise)",
        "    after the last: the conversation is closed",
    ]


VIP = json.dumps({"attributes": {"tier": "gold", "topic": "refund", "preferred_worker": "bob"}})


def test_explanation_with_names_shows_sids(delivered: Path) -> None:
    code, text = explain_text(delivered, VIP, directory=SEED)
    assert code == 0
    assert text.splitlines()[-5:] == [
        "  then",
        f"    1. worker bob (WK{1:032x}), workflow transfers (WW{1:032x}), priority 90, for 20 s at most",
        f"    2. queue tier2-billing (WQ{3:032x}), workflow transfers (WW{1:032x}), priority 95, for 120 s at most",
        f"    3. workflow everyone (WW{0:032x}), priority 95, for 600 s at most",
        "    after the last: the conversation is closed, with a farewell message",
    ]


def test_explanation_names_the_fact_behind_a_worker(delivered: Path) -> None:
    _, text = explain_text(delivered, VIP)
    assert "1. worker whoever attributes.preferred_worker names, workflow transfers, priority 90" in text


def test_explanation_of_the_default_says_so(delivered: Path) -> None:
    _, text = explain_text(delivered, "{}")
    assert "  MATCHES      default\n                 no rule matches\n" in text


SMALL = {
    "no-rules": ("version: 1\ndefault: {workflow: w}", "there are no rules"),
    "no-condition": (
        "version: 1\nrules: [{name: all, route: {workflow: w, worker: alice}, on_lapse: leave}]\n"
        "default: {workflow: w}",
        "it has no condition",
    ),
    "constant": (
        "version: 1\nrules: [{name: all, when: 1 == 1, route: {workflow: w}}]\ndefault: {workflow: w}",
        "nothing in it depends on the request",
    ),
    "left-open": (
        "version: 1\nrules: [{name: all, route: {workflow: w, worker: alice}, on_lapse: leave}]\n"
        "default: {workflow: w}",
        "1. worker alice, workflow w\n    after the last: the conversation is left open",
    ),
}


@pytest.mark.parametrize(("rules", "said"), SMALL.values(), ids=SMALL)
def test_explanation_of_small_rules_is_plain(tmp_path: Path, rules: str, said: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(rules)
    code, text = explain_text(path, "{}")
    assert code == 0
    assert said in text


def test_explanation_of_broken_rules_shows_faults(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(MISTAKES)
    code, text = explain_text(path, "{}")
    assert (code, text) == check(path)


def test_explanation_tells_of_a_target_that_is_gone(delivered: Path) -> None:
    code, text = explain_text(delivered, "{}", directory=Directory({"transfers": "WW1"}))
    assert code == 1
    assert "rule default: the workspace no longer has the workflow that it names in line" in text
    assert text.splitlines()[-1].startswith("rule default: ")
    assert text.endswith(text.splitlines()[-1] + "\n")


UNREADABLE = {"no-json": ("{", "Expecting property name"), "unknown-field": ('{"atributes": {}}', "did you mean")}


@pytest.mark.parametrize(("request_json", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_request_is_told(delivered: Path, request_json: str, said: str) -> None:
    code, text = explain_text(delivered, request_json)
    assert code == 2
    assert text.startswith("the request cannot be read: ")
    assert said in text


def test_explanation_happens_at_the_moment_it_is_told(delivered: Path) -> None:
    request = json.dumps({"attributes": {"topic": "sales"}})
    night, day = (datetime.fromisoformat(f"2026-11-24T{hour}:00+01:00") for hour in ("22", "11"))
    assert "MATCHES      sales-after-hours" in explain_text(delivered, request, now=night)[1]
    _, text = explain_text(delivered, request, now=day)
    assert 'false  is_open("sales")' not in text
    assert """true   is_open("sales")\n                        is_open("sales") is true""" in text


LADDER = """\
version: 1
default:
  route: {workflow: w}
  fallback: [{workflow: x, skip_if: 'attributes.a == 1', recheck: 1m}]
  give_up_after: 10m
"""


def test_explanation_tells_what_ends_a_ladder(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(LADDER)
    _, text = explain_text(path, "{}")
    assert text.splitlines()[-5:] == [
        "  then",
        "    1. workflow w",
        "    2. workflow x, unless attributes.a == 1, asked again every 60 s",
        "    no further one once 600 s have passed",
        "    after the last: the conversation is closed",
    ]


PAST = '{"at": "2026-11-24T10:00:00Z", "attributes": {"topic": "billing"}}\n'


def test_replay_tells_what_would_change(tmp_path: Path, delivered: Path) -> None:
    past, other = tmp_path / "past.jsonl", tmp_path / "new.yaml"
    past.write_text(PAST)
    other.write_text("version: 1\ndefault: {workflow: everyone}\n")
    code, text = replay_text(past, delivered, other)
    assert code == 0
    assert text.startswith("1 request: 1 would be decided otherwise, 0 as before\n")


def test_replay_tells_which_file_is_faulty(tmp_path: Path, delivered: Path) -> None:
    past, other = tmp_path / "past.jsonl", tmp_path / "new.yaml"
    past.write_text("{")
    other.write_text("version: 2\n")
    assert replay_text(past, delivered, other)[1].endswith(f"faults in {other}\n")
    assert replay_text(past, other, delivered)[1].endswith(f"faults in {other}\n")
    assert replay_text(past, delivered, delivered) == (2, f"{past}: line 1: this is no JSON\n")
    assert replay_text(tmp_path / "none", delivered, delivered) == (
        2,
        f"{tmp_path / 'none'}: No such file or directory\n",
    )


def test_schema_offers_the_workspaces_names() -> None:
    code, plain = schema()
    named = json.loads(schema(SEED)[1])
    assert code == 0
    assert "examples" not in plain
    assert named["$defs"]["RouteShape"]["properties"]["queue"]["examples"] == sorted(SEED.queues)
    assert named["properties"]["via"]["examples"] == sorted(SEED.workflows)
    assert named["$defs"]["RouteShape"]["properties"]["worker"]["examples"] == sorted(SEED.workers)
    assert named["$defs"]["RouteShape"]["properties"]["task_channel"]["examples"] == sorted(SEED.task_channels)
    assert named["$defs"]["RouteShape"]["properties"]["workflow"]["examples"] == sorted(SEED.workflows)


def test_explanation_with_names_tells_when_a_step_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(LADDER)
    _, text = explain_text(path, "{}", directory=Directory({"w": "WW1", "x": "WW2"}))
    assert "    2. workflow x (WW2), unless attributes.a == 1, asked again every 60 s" in text.splitlines()
