"""Which rule a request falls under, and why that one and not those before. Pure; what it tells is never logged."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.model import RoutingRequest
from service.rules.expression import Trace
from service.rules.ruleset import Rule, RuleSet


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


def facts_of(request: RoutingRequest) -> Mapping[str, object]:
    """What conditions can name, as nested JSON values: ``request.*``, ``from.*`` and ``attributes.*``."""
    origin, to = request.origin, request.to
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
        "attributes": request.attributes,
    }


def decide(ruleset: RuleSet, facts: Mapping[str, object]) -> Rule:
    """The first rule whose condition holds, or the default."""
    index = ruleset.first(facts)
    return ruleset.rules[index] if index < len(ruleset.rules) else ruleset.default


def explain(ruleset: RuleSet, facts: Mapping[str, object]) -> tuple[RuleTrace, ...]:
    """A trace of every rule that was passed over and, at the end, of the one that ``decide`` answers."""
    looked_at = (*ruleset.rules, ruleset.default)[: ruleset.first(facts) + 1]
    return tuple(_trace(rule, facts) for rule in looked_at)


def _trace(rule: Rule, facts: Mapping[str, object]) -> RuleTrace:
    if rule.when is None:
        return RuleTrace(rule.name, True)
    whole = rule.when.explain(facts)
    return RuleTrace(rule.name, whole.outcome, tuple(whole.deciding()))
