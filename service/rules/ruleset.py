"""A rules file after it was read: frozen values, checked in themselves, targets still as they were written.

``reading`` makes them, ``resolve`` turns targets into SIDs, ``decide`` picks a rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from service.rules.expression import Expression, first_match
from service.rules.faults import Place, Source


@dataclass(frozen=True)
class Named:
    """A target as it was written: a friendly name or a SID, and where it stands."""

    text: str
    place: Place


@dataclass(frozen=True)
class Step:
    """One try at bringing somebody in. ``workflow`` is the file's ``via`` where the step names none itself."""

    workflow: Named
    queue: Named | None = None
    worker: Named | None = None
    worker_fact: tuple[str | int, ...] | None = None  # the key of the fact that names the worker
    direct: bool = False
    task_channel: Named | None = None
    priority: int | None = None
    timeout_s: int | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """A condition (None: always) and what follows from it; the default is a rule of that name without a condition."""

    name: str
    when: Expression | None
    steps: tuple[Step, ...]
    on_lapse: str = "close"  # "close" | "leave"
    farewell: str | None = None


@dataclass(frozen=True)
class RuleSet:
    """All rules of one file, in order. ``sha256`` is that of the file's text, in hexadecimal digits."""

    rules: tuple[Rule, ...]
    default: Rule
    sha256: str
    via: Named | None = None
    source: Source = field(default_factory=lambda: Source("", "", (0,)), repr=False, compare=False)

    @cached_property
    def first(self) -> Callable[[Mapping[str, object]], int]:
        """All conditions compiled into one function: the index of the first rule that matches, or their number."""
        return first_match([rule.when for rule in self.rules])
