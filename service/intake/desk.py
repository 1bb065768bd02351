"""What a request is served with: the rules, the names of the workspace, and the parts that make an invite."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from service.errors import ConfigurationError, RouterError, TwilioUnavailableError
from service.flex.http import budget
from service.model import Kind, Plan, RoutingRequest
from service.reconcile.parts import Parts
from service.rules.decide import decide, facts_of
from service.rules.loading import RulesFile
from service.rules.resolve import Directory, plan_for, resolve_target

log = structlog.stdlib.get_logger("service.names")

NAMES_EVERY_S = 60.0
FIRST_WAIT_S = 3.0
AGAIN_S = 2.0
NAMED_TARGET = "named-target"


@dataclass
class Names:
    """The workspace's names, as the reconciler shares them through the store; asked of Twilio only if nobody has."""

    parts: Parts
    known: Directory | None = None
    _read_at: float = float("-inf")
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def fresh(self) -> Directory:
        """The names, read again after a minute. Raises TwilioUnavailableError while none are known."""
        wait_s = -1 if self.known else FIRST_WAIT_S
        old = time.monotonic() - self._read_at > NAMES_EVERY_S
        if old and self._turn.acquire(blocking=self.known is None, timeout=wait_s):
            try:
                if time.monotonic() - self._read_at > NAMES_EVERY_S:
                    self._read()
            except RouterError as error:
                self._read_at = time.monotonic() - NAMES_EVERY_S + AGAIN_S
                log.warning("names.failed", why=error.detail)
            finally:
                self._turn.release()
        if self.known is None:
            raise TwilioUnavailableError("the workspace's names are not known yet", retry_after_s=5)
        return self.known

    def _read(self) -> None:
        names = self.parts.notes.read_names()
        if names is None:
            with budget(4.0):
                names = self.parts.taskrouter.names()
            self.parts.notes.write_names(names)
        self.known = Directory(**names)
        self._read_at = time.monotonic()


@dataclass(frozen=True)
class Desk:
    """One per web process; safe to share between threads."""

    parts: Parts
    rules: RulesFile
    names: Names
    request_budget_s: float
    keep_s: int  # how long a key that a caller gave is remembered
    hands: threading.BoundedSemaphore  # requests that may wait for Twilio at once; fewer than there are threads

    @contextmanager
    def hand(self) -> Iterator[bool]:
        """True inside if this request may wait; there must always be threads left for events."""
        free = self.hands.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self.hands.release()

    def plan(self, request: RoutingRequest) -> Plan:
        """The plan for a request: what the rules say, or the target that a transfer names.

        Raises InvalidFieldsError if the target does not exist, TwilioUnavailableError while names are unknown.
        """
        directory = self.names.fresh()
        ruleset = self.rules.current
        if request.kind is Kind.TRANSFER and request.to is not None:
            route = resolve_target(request.to, ruleset, directory)
            return Plan(rule=NAMED_TARGET, rules_sha256=ruleset.sha256, steps=(route,))
        facts = facts_of(request)
        rule = decide(ruleset, facts)
        try:
            return plan_for(rule, ruleset, directory, facts)
        except ConfigurationError as error:  # a queue or workflow was deleted since the rules were loaded
            log.error("rules.target_gone", rule=rule.name, why=error.detail)
        try:
            return plan_for(ruleset.default, ruleset, directory, facts)
        except ConfigurationError:
            raise TwilioUnavailableError("the rules name targets that the workspace no longer has") from None
