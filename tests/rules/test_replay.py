"""Past requests against other rules."""

import json

import pytest

from service.rules.reading import parse_rules
from service.rules.replay import read_requests, replay

OLD = parse_rules(
    """\
version: 1
via: t
calendars: {c: {timezone: Europe/London, week: {mon-fri: "08:00-20:00"}}}
rules:
  - {name: closed, when: NOT is_open("c"), route: {workflow: night}, on_lapse: leave}
  - name: vip
    when: attributes.tier == "gold"
    route: {worker: alice, priority: 9, timeout: 20s}
    fallback: [{queue: q}]
default: {worker: {fact: attributes.who}, skip_if: attributes.a == 1, recheck: 30s}
"""
)
NEW = parse_rules(OLD.source.text.replace("priority: 9", "priority: 8").replace("20:00", "18:00"))


def line(at: str, **body: object) -> str:
    """One request of an export."""
    return json.dumps({"at": at, **body})


DAY, EVENING = "2026-11-24T10:00:00Z", "2026-11-24T19:00:00+00:00"
EXPORT = "\n".join(
    [
        line(DAY, attributes={"tier": "gold"}),
        line(DAY, attributes={"tier": "silver"}),
        "",
        line(EVENING, kind="transfer"),
        line(EVENING, kind="transfer", to={"queue": "q"}),
        line(DAY, attributes={"tier": "gold", "name": "Jane Doe"}),
    ]
)
DEFAULT = "default (worker attributes.who skip_if recheck 30 s; then close)"
BEFORE = "vip (worker alice priority 9 20 s, then queue q; then close)"
AFTER = "vip (worker alice priority 8 20 s, then queue q; then close)"


def test_changes_are_counted_and_listed() -> None:
    found = replay(read_requests(EXPORT), OLD, NEW)
    assert (found.same, found.named) == (1, 1)
    assert found.text.splitlines() == [
        "5 requests: 3 would be decided otherwise, 1 as before",
        "1 transfer named a target and asked no rule",
        "",
        f"      2 × from  {BEFORE}",
        f"          to    {AFTER}",
        "",
        f"      1 × from  {DEFAULT}",
        "          to    closed (workflow night; then leave)",
        "",
        f"  line 1: {BEFORE}  →  {AFTER}",
        f"  line 4: {DEFAULT}  →  closed (workflow night; then leave)",
        f"  line 6: {BEFORE}  →  {AFTER}",
    ]


def test_same_rules_change_nothing() -> None:
    found = replay(read_requests(EXPORT), OLD, OLD)
    assert found.changes == ()
    assert found.text == (
        "5 requests: 0 would be decided otherwise, 4 as before\n1 transfer named a target and asked no rule\n"
    )


def test_long_list_is_cut() -> None:
    export = "\n".join([line(DAY, attributes={"tier": "gold"})] * 205)
    text = replay(read_requests(export), OLD, NEW).text
    assert "    205 × from" in text
    assert text.endswith("  … and 5 more\n")


UNREADABLE = {
    "no-json": ("{}\n{", "line 1: at must be a moment"),
    "second-line": (f"{line(DAY)}\n{{", "line 2: this is no JSON"),
    "no-object": ("[]", "line 1: an object is expected"),
    "no-zone": (line("2026-11-24T10:00:00"), "line 1: at must be a moment with its zone"),
    "unknown-field": (line(DAY, tier="gold"), "line 1: there is no field 'tier'"),
}


@pytest.mark.parametrize(("text", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_line_is_told(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^line") as caught:
        read_requests(text)
    assert said in str(caught.value)
