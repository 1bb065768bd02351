"""``flex-router audit`` without its command line: what is printed, asked and answered."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from service.audit.look import Eye, Seen
from service.audit.pace import Pace
from service.audit.rescue import FAILED, Act, Outcome, rescue
from service.audit.survey import LONGEST_DAYS, NOT_IN_FLEX, Progress, Survey, now_ms, survey
from service.errors import ConfigurationError, RouterError, TwilioUnavailableError
from service.flex.inventory import Inventory
from service.reconcile.parts import Parts
from service.terminal import moment

COULD_NOT_LOOK = 2

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Wishes:
    """What was asked for. ``act`` is what is done about the orphaned, if anything; ``agree`` says yes or no to it, and
    is None where nobody can be asked."""

    since: datetime
    json: bool = False
    act: Act | None = None
    agree: Callable[[str], bool] | None = None


def since_when(text: str, now: datetime) -> datetime:
    """From when on events are read. Raises ConfigurationError for what cannot be read, for the future, and for what is
    too long ago: attributes of older events are redacted.
    """
    found = moment(text, now, option="--since")
    if found < now - timedelta(days=LONGEST_DAYS, minutes=1) or found > now:
        raise ConfigurationError((f"--since must be within the last {LONGEST_DAYS} days",))
    return found


@dataclass(frozen=True)
class Office:
    """What an audit works with, and who hears of it."""

    parts: Parts
    inventory: Inventory
    pace: Pace
    tell: Tell
    progress: Progress


def audit(office: Office, wishes: Wishes) -> tuple[int, str]:
    """Exit code and text: 0 nothing is orphaned (any more), 1 something is, 2 it could not be looked at."""
    try:
        if office.pace.call(office.inventory.refused):
            raise TwilioUnavailableError("Twilio refuses our credentials")
        made = survey(office.parts, office.inventory, office.pace, since=wishes.since, progress=office.progress)
    except RouterError as error:
        return COULD_NOT_LOOK, json.dumps({"why": error.detail}) if wishes.json else f"not done: {error.detail}"
    outcomes: list[Outcome] = []
    if wishes.act and made.orphaned and _agreed(office, wishes, made):
        outcomes = _rescued(office, wishes.act, made.orphaned)
    left = len(made.orphaned) - sum(outcome.word != FAILED for outcome in outcomes)
    return int(left > 0), _as_json(made, outcomes) if wishes.json else _as_text(made, outcomes)


def _agreed(office: Office, wishes: Wishes, made: Survey) -> bool:
    for line in _preview(made):
        office.tell(line)
    if wishes.agree is not None and wishes.agree(f"Rescue these {len(made.orphaned)} conversations?"):
        return True
    office.tell("nothing was done; --yes agrees beforehand" if wishes.agree is None else "nothing was done")
    return False


def _preview(made: Survey) -> list[str]:
    kinds = Counter(seen.place.channel_type or "unknown" for seen in made.orphaned)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return [*map(_line, made.orphaned), f"{len(made.orphaned)} conversations: {counts}"]


def _rescued(office: Office, act: Act, orphaned: Sequence[Seen]) -> list[Outcome]:
    outcomes = []
    for number, seen in enumerate(orphaned, 1):
        outcomes.append(rescue(Eye(office.parts, office.pace, now_ms()), seen, act))
        office.progress("rescues", number, len(orphaned))
    return outcomes


def _line(seen: Seen) -> str:
    return f"{seen.place.conversation_sid}  {_age(seen):>7}  {seen.place.channel_type or 'unknown'}"


def _age(seen: Seen) -> str:
    seconds = _age_s(seen)
    if seconds is None:
        return "?"
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _age_s(seen: Seen) -> int | None:
    return None if seen.since_ms is None else max(0, (now_ms() - seen.since_ms) // 1000)


def _as_text(made: Survey, outcomes: Sequence[Outcome]) -> str:
    became = {outcome.conversation_sid: outcome for outcome in outcomes}
    lines = []
    for seen in made.orphaned:
        lines += [_line(seen), *(f"    {evidence}" for evidence in seen.evidence)]
        if outcome := became.get(seen.place.conversation_sid):
            lines.append(f"    => {outcome.word}: {outcome.detail}")
    lines += [f"{seen.place.conversation_sid}  unclear: {seen.verdict.reason}" for seen in made.unclear]
    if made.others:
        lines += ["not orphaned:", *(f"{count:>7}  {reason}" for reason, count in made.others.most_common())]
    return "\n".join([*lines, _sum(made, outcomes)])


def _sum(made: Survey, outcomes: Sequence[Outcome]) -> str:
    words = Counter(outcome.word for outcome in outcomes)
    done = "".join(f"; {count} {word}" for word, count in words.most_common())
    return f"{len(made.orphaned)} orphaned of {made.looked_at} open conversations{done}"


def _as_json(made: Survey, outcomes: Sequence[Outcome]) -> str:
    told = {
        "orphaned": [_told(seen) for seen in made.orphaned],
        "unclear": [_told(seen) for seen in made.unclear],
        "others": dict(made.others),
        "open_conversations": made.looked_at,
        "not_in_flex": made.others[NOT_IN_FLEX],
        "rescued": [asdict(outcome) for outcome in outcomes],
    }
    return json.dumps(told, ensure_ascii=False)


def _told(seen: Seen) -> dict[str, object]:
    place = seen.place
    return {
        "conversation_sid": place.conversation_sid,
        "interaction_sid": place.interaction_sid,
        "channel_sid": place.channel_sid,
        "channel_type": place.channel_type,
        "age_s": _age_s(seen),
        "verdict": str(seen.verdict.act),
        "reason": seen.verdict.reason,
        "evidence": seen.evidence,
    }
