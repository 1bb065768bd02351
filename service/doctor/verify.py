"""What only a live account can show: a walk through ``facts.toml``, and a record of what was seen.

Nothing is asked of Twilio here: a person does it, and tells.
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from service.errors import ConfigurationError

AS_ASSUMED, OTHERWISE, SKIPPED = "as assumed", "otherwise", "skipped"
SEEN = (AS_ASSUMED, OTHERWISE, SKIPPED)


@dataclass(frozen=True)
class Fact:
    """One thing that is taken for granted, and how to see whether it is so."""

    id: str
    fact: str
    rely: str
    do: str
    look: str


@dataclass(frozen=True)
class Answer:
    """What somebody saw; ``note`` in their own words."""

    seen: str
    note: str = ""


def _read_facts() -> tuple[Fact, ...]:
    written = tomllib.loads(Path(__file__).with_name("facts.toml").read_text(encoding="utf-8"))
    return tuple(Fact(id=name, **fact) for name, fact in written.items())


FACTS = _read_facts()

Ask = Callable[[int, Fact], Answer]


def read_answers(text: str) -> dict[str, Answer]:
    """Answers out of a file: ``{"close.twice": {"seen": "as assumed", "note": "400, code 45359"}, …}``; a record as
    ``verify`` writes it is read too. Raises ConfigurationError with every fault."""
    try:
        told = json.loads(text)
    except ValueError:
        raise ConfigurationError(("the answers are no JSON",)) from None
    if isinstance(told, dict) and isinstance(told.get("answers"), dict):
        told = told["answers"]
    if not isinstance(told, dict):
        raise ConfigurationError(("the answers must be an object: fact → {seen, note}",))
    known = {fact.id for fact in FACTS}
    faults = [f"{name} is no fact of the list" for name in told if name not in known]
    faults += [
        f"{name}: seen must be one of {', '.join(map(repr, SEEN))}; note a text"
        for name, answer in told.items()
        if not (isinstance(answer, dict) and answer.get("seen") in SEEN and isinstance(answer.get("note", ""), str))
    ]
    if faults:
        raise ConfigurationError(tuple(faults))
    return {name: Answer(answer["seen"], answer.get("note", "")) for name, answer in told.items()}


def walk(answers: Mapping[str, Answer], ask: Ask | None) -> dict[str, Answer]:
    """An answer for every fact: given before, or asked for; one that nobody can be asked for is skipped."""
    return {
        fact.id: answers.get(fact.id) or (ask(number, fact) if ask else Answer(SKIPPED))
        for number, fact in enumerate(FACTS, 1)
    }


def record_text(answers: Mapping[str, Answer], *, account_sid: str, now: datetime) -> str:
    """The record as JSON: which account, when, and each fact with what was seen."""
    told = {
        fact.id: {"fact": fact.fact, "seen": answers[fact.id].seen, "note": answers[fact.id].note} for fact in FACTS
    }
    made = {"account_sid": account_sid, "at": now.astimezone(UTC).isoformat(timespec="seconds"), "answers": told}
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def summed_up(answers: Mapping[str, Answer]) -> tuple[int, str]:
    """Exit code and text: 0 all as assumed, 1 something is otherwise, 2 something is still to be seen."""
    by_seen = {seen: [name for name, answer in answers.items() if answer.seen == seen] for seen in SEEN}
    lines = [f"{len(by_seen[AS_ASSUMED])} of {len(answers)} as assumed"]
    lines += [f"otherwise: {name} {answers[name].note}".rstrip() for name in by_seen[OTHERWISE]]
    if by_seen[SKIPPED]:
        lines.append(f"still to be seen: {', '.join(by_seen[SKIPPED])}")
    return (1 if by_seen[OTHERWISE] else 2 if by_seen[SKIPPED] else 0), "\n".join(lines)
