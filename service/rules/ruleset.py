"""A rules file after it was read: frozen values, checked in themselves, targets still as they were written.

``reading`` makes them, ``resolve`` turns targets into SIDs, ``decide`` picks a rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from service.model import Release
from service.rules.calendars import Calendar
from service.rules.expression import Expression, first_match
from service.rules.faults import Place, Source
from service.rules.splits import share


@dataclass(frozen=True)
class Named:
    """A target as it was written: a friendly name or a SID, and where it stands."""

    text: str
    place: Place


@dataclass(frozen=True)
class Condition:
    """A condition and where it stands: ``places`` answers the place of an offset and length in its text."""

    expression: Expression
    places: Callable[[int, int], Place] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Step:
    """One try at bringing somebody in. ``workflow`` is the file's ``via`` where the step names none itself.

    ``skip_if`` is complete in itself: lists that it names are written out in it, so that it can be stored with a plan.
    ``asks`` are the queues whose figures it asks for, ``activities`` those it knows by name, ``recheck_s`` how often it
    is asked again while the task waits.
    """

    workflow: Named
    queue: Named | None = None
    worker: Named | None = None
    worker_fact: tuple[str | int, ...] | None = None  # the key of the fact that names the worker
    direct: bool = False
    task_channel: Named | None = None
    priority: int | None = None
    timeout_s: int | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)
    skip_if: str | None = None
    recheck_s: int | None = None
    asks: tuple[Named, ...] = ()
    activities: tuple[Named, ...] = ()
    place: Place = field(default_factory=Place)


@dataclass(frozen=True)
class Rule:
    """A condition (None: always) and what follows from it; the default is a rule of that name without a condition.

    ``percent`` is the share of conversations it applies to, ``give_up_s`` what all steps together may take in seconds,
    ``release`` when a cold transfer lets its agent go (None: the rule does not say), ``asks`` the queues whose figures
    its condition asks for, ``activities`` those it names, ``place`` where its name stands.
    """

    name: str
    when: Condition | None
    steps: tuple[Step, ...]
    on_lapse: str = "close"  # "close" | "leave"
    farewell: str | None = None
    release: Release | None = None
    percent: float | None = None
    give_up_s: int | None = None
    asks: tuple[Named, ...] = ()
    activities: tuple[Named, ...] = ()
    place: Place = field(default_factory=Place)

    @cached_property
    def conditions(self) -> tuple[Expression, ...]:
        """All that must hold for the rule to match; nothing if it always does."""
        written = (self.when.expression,) if self.when else ()
        return written if self.percent is None else (*written, share(self.name, self.percent))


@dataclass(frozen=True)
class RuleSet:
    """All rules of one file, in order. ``sha256`` is that of the file's text, in hexadecimal digits."""

    rules: tuple[Rule, ...]
    default: Rule
    sha256: str
    via: Named | None = None
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    source: Source = field(default_factory=lambda: Source("", "", (0,)), repr=False, compare=False)

    @cached_property
    def first(self) -> Callable[[Mapping[str, object]], int]:
        """All conditions compiled into one function: the index of the first rule that matches, or their number."""
        return first_match([rule.conditions for rule in self.rules])
