"""The rules applied to the world as it is now: to a request that comes in, and to the next step of one that lapsed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from service.errors import ConfigurationError, RouterError, TwilioUnavailableError
from service.model import Invite, Kind, Plan, Route, RoutingRequest
from service.reconcile.attended import Place, place_of, workers_present
from service.reconcile.live import Live
from service.reconcile.names import Names
from service.reconcile.parts import Parts
from service.rules.decide import RuleTrace, decide, explain, facts_of, stored_trace
from service.rules.farewell import farewell_text
from service.rules.ladder import next_step
from service.rules.loading import RulesFile
from service.rules.resolve import Directory, plan_for, resolve_target
from service.rules.ruleset import Rule, RuleSet

log = structlog.stdlib.get_logger("service.rules")

NAMED_TARGET = "named-target"


@dataclass(frozen=True)
class Decision:
    """What the rules say to one request: the plan, the step that is tried first, and why (with the values seen).

    ``fits``: False where every step was to be skipped, and the last is tried all the same.
    """

    plan: Plan
    step: int
    trace: tuple[RuleTrace, ...] = ()
    fits: bool = True


@dataclass(frozen=True)
class Rulebook:
    """Rules and names of one process; safe to share between threads."""

    parts: Parts
    rules: RulesFile
    names: Names

    @property
    def current(self) -> RuleSet | None:
        """The rules in force; None where none could be loaded since the start."""
        return self.rules.current if self.rules.loaded else None

    def decide(self, request: RoutingRequest, *, explained: bool = False) -> Decision:
        """The plan for a request: what the rules say, or the target that a transfer names.

        Raises InvalidFieldsError if the target does not exist, TwilioUnavailableError while names are unknown.
        """
        directory = self.names.fresh()
        ruleset = self.rules.current
        if request.kind is Kind.TRANSFER and request.to is not None:
            route = resolve_target(request.to, ruleset, directory)
            return Decision(Plan(rule=NAMED_TARGET, rules_sha256=ruleset.sha256, steps=(route,)), 0)
        facts = self._facts(request, ruleset, directory)
        rule = decide(ruleset, facts)
        plan = replace(_plan(rule, ruleset, directory, facts), trace=stored_trace(ruleset, facts))
        first = next_step(plan.steps, 0, facts, self._present(plan.steps, request))
        # Where every step is to be skipped the last one is tried all the same: somebody must be asked.
        step = first if first is not None else len(plan.steps) - 1
        return Decision(plan, step, explain(ruleset, facts) if explained else (), fits=first is not None)

    def next_step(self, invite: Invite, start: int, *, now_ms: int) -> int | None:
        """The first step of the invite's plan from ``start`` on that is not to be skipped now.

        None if there is none, or if the rule has given up on the customer: ``now_ms`` is the store's time.
        """
        plan, began_ms = invite.plan, invite.ladder_at_ms or invite.created_at_ms
        if plan.give_up_s is not None and now_ms - began_ms >= plan.give_up_s * 1000:
            return None
        left = plan.steps[start:]
        if all(step.skip_if is None and step.worker_sid is None for step in left):
            return start if left else None
        present = self._present(left, Place(invite.conversation_sid, invite.interaction_sid, invite.channel_sid))
        return next_step(plan.steps, start, self._facts(invite.request, self.current, self._directory()), present)

    def farewell(self, text: str) -> str:
        """A rule's last words with the opening times filled in."""
        ruleset = self.current
        return farewell_text(text, ruleset.calendars if ruleset else {}, datetime.now(UTC))

    def _present(self, steps: Sequence[Route], where: RoutingRequest | Place) -> tuple[str, ...]:
        """The workers who are there already; looked for only where a step asks for one worker."""
        if all(step.worker_sid is None for step in steps):
            return ()
        place = where if isinstance(where, Place) else place_of(self.parts.store, where)
        return workers_present(self.parts, place)

    def _directory(self) -> Directory | None:
        try:
            return self.names.fresh()
        except RouterError:
            return None  # then the figures of queues are not to be had: null, as the rules define

    def _facts(
        self, request: RoutingRequest, ruleset: RuleSet | None, directory: Directory | None
    ) -> Mapping[str, object]:
        live = Live(self.parts, directory, request)
        return facts_of(request, ruleset, now=datetime.now(UTC), live=live)


def _plan(rule: Rule, ruleset: RuleSet, directory: Directory, facts: Mapping[str, object]) -> Plan:
    try:
        return plan_for(rule, ruleset, directory, facts)
    except ConfigurationError as error:  # a queue or workflow was deleted since the rules were loaded
        log.error("rules.target_gone", rule=rule.name, why=error.detail)
    try:
        return plan_for(ruleset.default, ruleset, directory, facts)
    except ConfigurationError:
        raise TwilioUnavailableError("the rules name targets that the workspace no longer has") from None
