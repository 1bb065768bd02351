"""Which rule a request falls under, and why that one and not those before. Pure; what it tells is never logged."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache

from service.model import RoutingRequest
from service.rules.carried import attributes_of
from service.rules.expression import Lazy, Trace
from service.rules.live import LiveFacts, NoLiveFacts
from service.rules.ruleset import Rule, RuleSet
from service.rules.splits import dealt_by, place_in_split

NO_LIVE_FACTS = NoLiveFacts()
MOST_BYTES = 2048  # of a trace that is stored with an invite
MOST_RULES = 12  # of those passed over, that it tells
MOST_TEXT = 120  # characters of one condition in it
LIVE = ("queues[", "last_worker.")


@dataclass(frozen=True)
class RuleTrace:
    """What became of one rule: whether it matched, and the comparisons that made it so, with the values they saw.

    Values come from the customer: a trace goes to the caller who asked for it and nowhere else.
    """

    rule: str
    matched: bool
    because: tuple[Trace, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The trace as JSON values; values seen are JSON texts cut to 80 characters."""
        conditions = [
            {"condition": trace.text, "held": trace.outcome, "saw": dict(trace.seen)} for trace in self.because
        ]
        return {"rule": self.rule, "matched": self.matched, "because": conditions}


def facts_of(
    request: RoutingRequest,
    ruleset: RuleSet | None = None,
    *,
    now: datetime | None = None,
    live: LiveFacts = NO_LIVE_FACTS,
) -> Mapping[str, object]:
    """What conditions can name, as nested JSON values: ``request.*``, ``from.*``, ``attributes.*``, and what is only
    looked up when a condition asks for it, each at most once: calendars at ``now`` (which must know its zone; without
    it no calendar is open or closed), places in splits, live facts.

    For one decision in one thread; hand the same facts to ``decide``, ``explain``, ``plan_for`` and ``next_step``.
    """
    origin, to = request.origin, request.to
    calendars = ruleset.calendars if ruleset else {}
    dealt = dealt_by(request)
    last_worker = cache(lambda: live.last_worker() or {})
    return {
        "request": {
            "kind": str(request.kind),
            "reason": request.reason,
            "channel_type": request.channel_type,
            "mode": str(request.mode) if request.mode else None,
            "has_interaction": request.interaction_sid is not None,
            "to": {"kind": to.kind if to else None},
        },
        "from": {
            "worker_sid": origin.worker_sid if origin else None,
            "participant_sid": origin.participant_sid if origin else None,
        },
        "attributes": attributes_of(request),
        "is_open": Lazy(lambda name: calendars[name].is_open(now) if now and name in calendars else None),
        "percent": Lazy(lambda name: place_in_split(name, dealt) if dealt else None),
        "queues": Lazy(lambda name: dict(live.queue(name) or {})),
        "last_worker": Lazy(lambda name: last_worker().get(name)),
    }


def decide(ruleset: RuleSet, facts: Mapping[str, object]) -> Rule:
    """The first rule whose condition holds, or the default."""
    index = ruleset.first(facts)
    return ruleset.rules[index] if index < len(ruleset.rules) else ruleset.default


def explain(ruleset: RuleSet, facts: Mapping[str, object]) -> tuple[RuleTrace, ...]:
    """A trace of every rule that was passed over and, at the end, of the one that ``decide`` answers."""
    looked_at = (*ruleset.rules, ruleset.default)[: ruleset.first(facts) + 1]
    return tuple(_trace(rule, facts) for rule in looked_at)


def stored_trace(ruleset: RuleSet, facts: Mapping[str, object]) -> str:
    """The trace that is stored with an invite: JSON of at most 2,048 bytes, with conditions and outcomes but no values.

    ``rule`` and ``because`` are the one that matched, ``passed`` the last rules before it with what stopped each,
    ``left_out`` how many are not told, ``unknown`` the live facts that could not be had.
    """
    index = ruleset.first(facts)
    looked_at = (*ruleset.rules, ruleset.default)[max(0, index - MOST_RULES) : index + 1]
    *passed, last = (_trace(rule, facts, values=False) for rule in looked_at)
    tries = (_stored(passed[number:], last, index) for number in range(len(passed) + 1))
    bare = _stored([], RuleTrace(last.rule, True), index)
    return next((text for text in tries if len(text) <= MOST_BYTES), bare)


def _stored(passed: list[RuleTrace], last: RuleTrace, index: int) -> str:
    unknown = {name[:MOST_TEXT] for trace in (*passed, last) for name in _unknown(trace)}
    told = {
        "rule": last.rule,
        "because": _outcomes(last),
        "passed": [[trace.rule, *_outcomes(trace)] for trace in passed],
        "left_out": index - len(passed),
        "unknown": sorted(unknown),
    }
    return json.dumps(told, separators=(",", ":"))


def _outcomes(trace: RuleTrace) -> list[list[object]]:
    return [[_short(part.text), part.outcome] for part in trace.because]


@lru_cache(maxsize=4096)
def _short(text: str) -> str:
    return " ".join(text.split())[:MOST_TEXT]


def _unknown(trace: RuleTrace) -> Iterator[str]:
    for part in trace.because:
        yield from (name for name, value in part.seen if value == "null" and name.startswith(LIVE))


def _trace(rule: Rule, facts: Mapping[str, object], *, values: bool = True) -> RuleTrace:
    """With the values seen; where those are not wanted, only with those that tell what could not be had."""
    held: list[Trace] = []
    for condition in rule.conditions:
        whole = condition.explain(facts, values=values or any(name in condition.text for name in LIVE))
        if not whole.outcome:
            return RuleTrace(rule.name, False, tuple(whole.deciding()))
        held += whole.deciding()
    return RuleTrace(rule.name, True, tuple(held))
