"""``flex-router doctor`` without its command line: what is printed, asked and answered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from service.doctor.findings import ROWS
from service.doctor.subject import Subject
from service.doctor.telling import as_json, as_text
from service.doctor.verify import (
    AS_ASSUMED,
    FACTS,
    OTHERWISE,
    SKIPPED,
    Answer,
    Ask,
    Fact,
    read_answers,
    record_text,
    summed_up,
    walk,
)
from service.doctor.visit import Change, Report, carry_out, visit, wanted_change
from service.errors import ConfigurationError, RouterError

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Wishes:
    """What was asked for. ``agree`` is shown a question and says yes or no; None: nobody can be asked."""

    json: bool = False
    fix: bool = False
    skipped: tuple[str, ...] = ()
    agree: Callable[[str], bool] | None = None


def examine(subject: Subject, wishes: Wishes, *, tell: Tell, progress: Tell) -> tuple[int, str]:
    """Exit code and text. With ``fix``, what can be set is set first, if that is agreed to, and looked at again.

    Raises ConfigurationError for an id to be skipped that there is not.
    """
    unknown = [one for one in wishes.skipped if one not in ROWS]
    if unknown:
        raise ConfigurationError(tuple(f"--skip {one}: there is no such finding" for one in unknown))
    report = visit(subject, skipped=wishes.skipped, tell=progress)
    if wishes.fix and _fixed(subject, report, wishes, tell):
        report = visit(subject, skipped=wishes.skipped, tell=progress)
    return report.exit_code, as_json(report) if wishes.json else as_text(report)


def _fixed(subject: Subject, report: Report, wishes: Wishes, tell: Tell) -> bool:
    try:
        change = wanted_change(subject, report.findings)
        if change is None:
            tell("there is nothing that --fix could set")
            return False
        return _agreed(change, wishes, tell) and _carried_out(subject, change, tell)
    except RouterError as error:
        tell(f"nothing was set: {error.detail}")
        return False


def _agreed(change: Change, wishes: Wishes, tell: Tell) -> bool:
    for line in change.lines:
        tell(line)
    if wishes.agree is not None and wishes.agree("Set this at Twilio?"):
        return True
    tell("nothing was set; --yes agrees beforehand" if wishes.agree is None else "nothing was set")
    return False


def _carried_out(subject: Subject, change: Change, tell: Tell) -> bool:
    carry_out(subject, change)
    tell("set")
    return True


def note_answers(account_sid: str, given: str | None, ask: Ask | None, *, record: Path) -> tuple[int, str]:
    """``--verify``: walk, keep what was seen in ``record``, and say what is still open. Exit code and text.

    What ``record`` holds of an earlier walk is not asked for again, unless it was skipped. ``given`` is JSON in its
    place. Raises ConfigurationError if either cannot be read, or the record cannot be written.
    """
    try:
        before = given if given is not None else record.read_text(encoding="utf-8") if record.exists() else "{}"
        known = {name: answer for name, answer in read_answers(before).items() if answer.seen != SKIPPED}
        answers = walk(known, ask)
        record.write_text(record_text(answers, account_sid=account_sid, now=datetime.now(UTC)), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError((f"{record}: {error.strerror or type(error).__name__}",)) from error
    code, text = summed_up(answers)
    return code, f"{text}\nrecorded in {record}"


def ask_a_person(prompt: Callable[[str], str], tell: Tell) -> Ask:
    """Walks somebody through one fact: shows it, and takes what they saw."""
    words = {"y": AS_ASSUMED, "n": OTHERWISE, "": SKIPPED, "s": SKIPPED}

    def ask(number: int, fact: Fact) -> Answer:
        tell(f"\n{number} of {len(FACTS)}: {fact.fact}  [{fact.id}]")
        for name, text in (("relied on", fact.rely), ("do", fact.do), ("look for", fact.look)):
            tell(f"  {name:10}{text}")
        given = ""
        while (given := prompt("Is it so? y(es), n(o), s(kip)").strip().lower()[:1]) not in words:
            tell("y, n or s")
        note = prompt("What was seen (may be empty)").strip() if words[given] != SKIPPED else ""
        return Answer(words[given], note)

    return ask
