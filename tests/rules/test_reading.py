"""Rules files: what they become, and every mistake that is found in them."""

from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from service.rules.faults import RulesError
from service.rules.reading import parse_rules
from service.rules.ruleset import RuleSet

WHOLE = """\
version: 1
facts: {attributes.tier: text, attributes.n: number, attributes.tags: list, attributes.vip: boolean}
lists: {paid: [gold, platinum]}
via: transfers
rules:
  - name: first
    when: >-
      request.kind == "escalation"
      AND attributes.tier IN lists.paid
    route: {worker: {fact: attributes.tier}, priority: 90, timeout: 20s}
    fallback:
      - {queue: tier2, timeout: 2m, direct: false}
      - {workflow: everyone, task_channel: chat, timeout: 12h, attributes: {a: {b: null}}}
    on_lapse: close
    farewell: Goodbye.
  - name: second
    route: {queue: billing, worker: alice, direct: true, timeout: 30}
    on_lapse: leave
default:
  route: {workflow: everyone}
  fallback: [{queue: support}]
  farewell: Sorry.
"""


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return parse_rules(WHOLE)


def test_steps_come_in_order(rules: RuleSet) -> None:
    one, two, three = rules.rules[0].steps
    assert (one.worker_fact, one.priority, one.timeout_s, one.workflow.text) == (
        ("attributes", "tier"),
        90,
        20,
        "transfers",
    )
    assert (two.queue and two.queue.text, two.timeout_s, two.direct) == ("tier2", 120, False)
    assert (three.workflow.text, three.task_channel and three.task_channel.text) == ("everyone", "chat")
    assert (three.timeout_s, three.attributes) == (43200, {"a": {"b": None}})


def test_rule_says_what_follows_its_last_step(rules: RuleSet) -> None:
    first, second = rules.rules
    assert (first.on_lapse, first.farewell) == ("close", "Goodbye.")
    assert (second.on_lapse, second.farewell) == ("leave", None)


def test_direct_route_keeps_queue_and_worker(rules: RuleSet) -> None:
    (step,) = rules.rules[1].steps
    assert (step.direct, step.queue and step.queue.text, step.worker and step.worker.text) == (True, "billing", "alice")
    assert step.timeout_s == 30


def test_default_may_have_steps_of_its_own(rules: RuleSet) -> None:
    assert [step.workflow.text for step in rules.default.steps] == ["everyone", "transfers"]
    assert (rules.default.name, rules.default.farewell) == ("default", "Sorry.")


def test_digest_is_that_of_the_text(rules: RuleSet) -> None:
    assert rules.sha256 == parse_rules(WHOLE).sha256
    assert rules.sha256 != parse_rules(WHOLE + "#").sha256
    assert len(rules.sha256) == 64


def test_default_alone_is_enough() -> None:
    rules = parse_rules("version: 1\ndefault: {workflow: everyone}\n")
    assert rules.rules == ()
    assert rules.default.steps[0].workflow.text == "everyone"


def test_rule_after_one_that_often_matches_is_reachable() -> None:
    often = "{name: often, when: attributes.x != 'a', route: {workflow: w}}"
    rules = parse_rules(f"{TOP}rules: [{often}, {{name: then, route: {{workflow: w}}}}]")
    assert [rule.name for rule in rules.rules] == ["often", "then"]


def test_byte_order_mark_is_passed_over() -> None:
    assert parse_rules("\ufeffversion: 1\ndefault: {workflow: everyone}\n").rules == ()


TOP = "version: 1\ndefault: {workflow: everyone}\n"
RULE = TOP + "via: transfers\nrules:\n  - name: a\n"
DECLARED = TOP + "facts: {attributes.tier: text, attributes.n: number}\nrules:\n  - name: a\n    route: {workflow: w}\n"

FAULTY = {
    # structure
    "no-mapping": ("- a", 1, 1, "a rules file begins with keys"),
    "version-missing": ("default: {workflow: w}", 1, 1, "version is missing; it must be 1"),
    "version-unknown": ("version: 2\ndefault: {workflow: w}", 1, 10, "version must be 1"),
    "default-missing": ("version: 1", 1, 1, "default is missing"),
    "default-empty": ("version: 1\ndefault:", 2, 9, "keys and values are expected here"),
    "key-misspelled": (TOP + "fact: {}", 3, 1, "did you mean 'facts'"),
    "facts-no-mapping": (TOP + "facts: [a]", 3, 8, "facts must be the type"),
    "fact-type-unknown": (TOP + "facts: {attributes.a: string}", 3, 23, "facts must be the type (text, number"),
    "fact-name-odd": (TOP + "facts: {tier: text}", 3, 9, "declared as attributes.NAME"),
    "list-no-list": (TOP + "lists: {a: b}", 3, 12, "lists must be lists of texts"),
    "list-of-lists": (TOP + "lists: {a: [[b]]}", 3, 13, "lists must be lists of texts"),
    "list-name-odd": (TOP + "lists: {a-b: [c]}", 3, 9, "letters, digits and underscores"),
    "list-too-long": (TOP + "lists: {a: [" + "1," * 501 + "]}", 3, 9, "500 values"),
    "via-number": (TOP + "via: 5", 3, 6, "via must be the name or SID"),
    "rules-no-list": (TOP + "rules: {a: b}", 3, 8, "rules must be a list"),
    "rules-too-many": (TOP + "rules: [" + "a," * 1001 + "]", 3, 8, "up to 1000 rules"),
    "rule-no-mapping": (TOP + "rules: [a]", 3, 9, "keys and values are expected here"),
    "rule-without-name": (TOP + "rules: [{route: {workflow: w}}]", 3, 9, "name is missing; it must be a name of 1"),
    "rule-without-route": (TOP + "rules: [{name: a}]", 3, 9, "route is missing"),
    "name-odd": (TOP + "rules: [{name: A b, route: {workflow: w}}]", 3, 16, "name must be a name of 1 to 64"),
    "name-number": (TOP + "rules: [{name: 5, route: {workflow: w}}]", 3, 16, "name must be a name"),
    "name-taken": (
        RULE + "    when: 1 == 2\n    route: {workflow: w}\n  - name: a\n    route: {workflow: w}\n",
        8,
        11,
        "already taken by the rule in line 5",
    ),
    "name-of-the-default": (TOP + "rules: [{name: default, route: {workflow: w}}]", 3, 16, "by the default route"),
    "never-reached": (
        RULE + "    route: {workflow: w}\n  - name: b\n    route: {workflow: w}\n  - {name: c, route: {workflow: w}}\n",
        7,
        5,
        "never reached: 'a' above it always matches",
    ),
    "never-reached-by-constant": (
        RULE + "    when: 1 == 1\n    route: {workflow: w}\n  - name: b\n    route: {workflow: w}\n",
        8,
        5,
        "never reached",
    ),
    # routes
    "route-text": (RULE + "    route: everyone", 6, 12, "route must be where the task goes"),
    "route-empty": (RULE + "    route: {priority: 1}", 6, 12, "at least a workflow, a queue or a worker"),
    "route-key-misspelled": (RULE + "    route: {workflwo: w}", 6, 13, "did you mean 'workflow'"),
    "recheck-of-a-rule": (RULE + "    route: {workflow: w}\n    recheck: 1m", 7, 5, "no key 'recheck' here"),
    "value-missing": (RULE + "    route: {workflow: w, queue: }", 6, 26, "queue has no value"),
    "priority-negative": (
        RULE + "    route: {workflow: w, priority: -1}",
        6,
        36,
        "priority must be a whole number from 0",
    ),
    "priority-too-high": (RULE + "    route: {workflow: w, priority: 2147483648}", 6, 36, "to 2147483647"),
    "priority-text": (RULE + "    route: {workflow: w, priority: '1'}", 6, 36, "priority must be a whole number"),
    "timeout-odd": (RULE + "    route: {workflow: w, timeout: soon}", 6, 35, "a time such as 20s, 2m"),
    "timeout-zero": (RULE + "    route: {workflow: w, timeout: 0}", 6, 35, "1s to 14d"),
    "timeout-negative": (RULE + "    route: {workflow: w, timeout: -5}", 6, 35, "1s to 14d"),
    "timeout-too-long": (RULE + "    route: {workflow: w, timeout: 15d}", 6, 35, "1s to 14d"),
    "direct-yes": (RULE + "    route: {workflow: w, direct: yes}", 6, 34, "direct must be true or false"),
    "direct-without-worker": (RULE + "    route: {queue: q, direct: true}", 6, 23, "both a queue and a worker"),
    "queue-without-via": (TOP + "rules: [{name: a, route: {queue: q}}]", 3, 27, "or once for all under via"),
    "worker-without-via": (TOP + "rules: [{name: a, route: {worker: w}}]", 3, 27, "or once for all under via"),
    "worker-number": (RULE + "    route: {worker: 5}", 6, 21, "worker must be the friendly name or SID"),
    "worker-key-unknown": (RULE + "    route: {worker: {fact: attributes.a, fakt: b}}", 6, 42, "did you mean 'fact'"),
    "worker-key-unknown-in-a-bare-default": (
        "version: 1\nvia: w\ndefault: {worker: {fact: attributes.a, fakt: b}}",
        3,
        40,
        "there is no key 'fakt' here (allowed: fact); did you mean 'fact'?",
    ),
    "worker-without-fact": (RULE + "    route: {worker: {}}", 6, 21, "fact is missing"),
    "worker-fact-unknown": (
        RULE + "    route: {worker: {fact: form.worker_sid}}",
        6,
        28,
        "did you mean 'from.worker_sid'",
    ),
    "worker-fact-indexed": (RULE + "    route: {worker: {fact: 'attributes.a[0]'}}", 6, 28, "dotted names"),
    "worker-fact-boolean": (
        RULE + "    route: {worker: {fact: request.has_interaction}}",
        6,
        28,
        "named by a text, request.has_interaction is a boolean",
    ),
    "attributes-reserved": (
        RULE + "    route: {workflow: w, attributes: {flexThing: 1}}",
        6,
        39,
        "begin with router_ or flex are reserved",
    ),
    "attributes-too-long": (
        RULE + "    route: {workflow: w, attributes: {a: " + "x" * 3396 + "}}",
        6,
        26,
        "3396 characters",
    ),
    "fallback-no-list": (RULE + "    route: {workflow: w}\n    fallback: {queue: q}", 7, 15, "fallback must be a list"),
    "fallback-too-long": (
        RULE + "    route: {workflow: w}\n    fallback: [" + "{workflow: w}," * 10 + "]",
        7,
        15,
        "up to 9 routes",
    ),
    "fallback-faulty": (
        RULE + "    route: {workflow: w}\n    fallback: [{workflow: w, timeout: 0}]",
        7,
        39,
        "1s to 14d",
    ),
    "on-lapse-unknown": (
        RULE + "    route: {workflow: w}\n    on_lapse: closed",
        7,
        15,
        "on_lapse must be close or leave",
    ),
    "farewell-unsent": (
        RULE + "    route: {workflow: w}\n    on_lapse: leave\n    farewell: bye",
        8,
        5,
        "only sent where on_lapse is close",
    ),
    "farewell-too-long": (
        RULE + "    route: {workflow: w}\n    farewell: " + "x" * 1601,
        7,
        15,
        "1 to 1600 characters",
    ),
    "default-route-faulty": ("version: 1\ndefault: {workflow: w, timeout: 0}", 2, 33, "1s to 14d"),
    "default-key-unknown": ("version: 1\ndefault: {workflow: w, name: x}", 2, 24, "there is no key 'name' here"),
    "default-fallback-alone": ("version: 1\ndefault: {fallback: []}", 2, 11, "there is no key 'fallback'"),
    # conditions
    "when-number": (RULE + "    route: {workflow: w}\n    when: 5", 7, 11, "when must be a condition"),
    "when-empty": (RULE + "    route: {workflow: w}\n    when:", 7, 5, "when has no value"),
    "when-broken": (DECLARED + "    when: attributes.n >> 5", 7, 25, "a key, text, number"),
    "when-broken-in-quotes": (DECLARED + "    when: 'attributes.tier == ''x'' AN b'", 7, 37, "did you mean 'AND'"),
    "when-broken-in-block": (
        DECLARED + "    when: >-\n      attributes.n > 5\n      AND attributes.teir == 'x'\n",
        9,
        11,
        "did you mean 'attributes.tier'",
    ),
    "when-type-wrong": (
        DECLARED + "    when: 1 == 1 AND attributes.n == 'x'",
        7,
        22,
        "a number is compared with a text",
    ),
}


@pytest.mark.parametrize(("text", "line", "column", "said"), FAULTY.values(), ids=FAULTY)
def test_mistake_is_found_in_its_place(text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(RulesError) as caught:
        parse_rules(text)
    (fault,) = caught.value.faults
    assert said in fault.message
    assert (fault.line, fault.column) == (line, column)
    assert fault.source_line == text.splitlines()[line - 1]


def test_all_mistakes_are_told_at_once() -> None:
    text = WHOLE.replace("lists.paid", "lists.payd").replace("timeout: 2m", "timeout: 2w")
    text = text.replace("name: second", "name: first").replace("on_lapse: leave", "on_lapse: stay")
    text = text.replace("priority: 90", "prio: 90").replace("version: 1", "version: 3")
    with pytest.raises(RulesError) as caught:
        parse_rules(text)
    assert [fault.line for fault in caught.value.faults] == [1, 9, 10, 12, 16, 18]


def test_broken_facts_hide_no_other_mistake() -> None:
    text = TOP + "facts: [x]\nrules: [{name: a, when: attributes.x > 1, route: {}}]"
    with pytest.raises(RulesError) as caught:
        parse_rules(text)
    assert [fault.line for fault in caught.value.faults] == [3, 4]


KEYS = [
    *("version", "facts", "lists", "via", "rules", "default", "name", "when", "route", "fallback", "on_lapse"),
    *("farewell", "workflow", "queue", "worker", "fact", "direct", "timeout", "priority", "attributes", "str", "x"),
]
scalars = st.sampled_from([None, True, 1, -1, 1.5, "", "a", "1 == 1", "request.kind", "20s", "close", "text"])
parts = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from(KEYS), parts, min_size=1), parts)
def test_any_structure_is_read_or_refused(document: dict[str, object], rule: object) -> None:
    text = yaml.safe_dump({"version": 1, "default": {"workflow": "w"}, "rules": [rule], **document})
    with suppress(RulesError):
        assert parse_rules(text).default.steps
