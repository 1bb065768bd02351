"""What one customer and the agents around them do: drawn from a seed, the same for the same number. Pure."""

import random
from dataclasses import dataclass

TOPICS = ("", "", "billing", "billing", "ladder", "leave")
ENTRANCES = ("studio", "studio", "studio", "returning", "flex")
RELEASES = ("accepted", "accepted", "queued", "immediately")
TIMER_S = 60  # the least that the service takes
ENDINGS = ("complete", "complete", "complete", "leave", "drop")


@dataclass(frozen=True)
class Step:
    """One deed after ``wait_s``. ``transfer`` and the errands also say how."""

    deed: str
    wait_s: float
    mode: str = "cold"
    release: str = "on_accept"
    to: str | None = None  # None: the rules decide
    last: str | None = None  # go, remove: what becomes of the customer if nobody else is there
    wake_after_s: int | None = None  # park
    same_agent_s: int = 0  # park
    wrapup: bool = True  # end


@dataclass(frozen=True)
class Script:
    """One conversation's course. ``entrance``: studio (first escalation), returning (has been through Flex), or flex
    (somebody else made the task, and we only hear of it).
    """

    number: int
    topic: str
    entrance: str
    deliveries: int  # how often the same request is sent, at the same time
    key: str  # what makes the deliveries one request: key, execution or thread
    steps: tuple[Step, ...]


def script(seed: int, number: int) -> Script:
    """The script of conversation ``number``."""
    draw = random.Random(f"{seed}/{number}")
    entrance = draw.choice(ENTRANCES)
    return Script(
        number=number,
        topic=draw.choice(TOPICS),
        entrance=entrance,
        deliveries=draw.choice((1, 1, 1, 2, 3)),
        key=draw.choice(("key", "execution", "thread")),
        steps=COURSES[draw.choice(tuple(COURSES))](draw),
    )


def _wait(draw: random.Random, most: float = 3.0) -> float:
    return round(draw.uniform(0.0, most), 2)


def _nobody(draw: random.Random) -> tuple[Step, ...]:
    return ()


def _ignored(draw: random.Random) -> tuple[Step, ...]:
    return (Step("ignore", _wait(draw)),)


def _declined(draw: random.Random) -> tuple[Step, ...]:
    then = _served(draw) if draw.random() < 0.5 else ()
    return (Step("decline", _wait(draw, 2)), *then)


def _served(draw: random.Random) -> tuple[Step, ...]:
    return Step("accept", _wait(draw)), Step(draw.choice(ENDINGS), _wait(draw))


def _at_the_last_moment(draw: random.Random) -> tuple[Step, ...]:
    """Accepted when the task is about to die: after three to seven seconds."""
    return Step("accept", round(draw.uniform(3, 7), 2)), Step("complete", _wait(draw))


def _called_off(draw: random.Random) -> tuple[Step, ...]:
    racing = (Step("accept", 0.0), Step("complete", _wait(draw))) if draw.random() < 0.4 else ()
    return (Step("cancel", _wait(draw)), *racing)


def _comes_back(draw: random.Random) -> tuple[Step, ...]:
    left = (Step("accept", _wait(draw)), Step("leave", _wait(draw)), Step("write", _wait(draw)))
    return (*left, *(_served(draw) if draw.random() < 0.5 else ()))


def _asked_again(draw: random.Random) -> tuple[Step, ...]:
    """The same customer is escalated a second time, at any moment of the first one's life."""
    first = _served(draw) if draw.random() < 0.5 else ()
    second = _served(draw) if draw.random() < 0.6 else ()
    return (*first, Step("escalate", _wait(draw, 9)), *second)


def _handed_over(draw: random.Random) -> tuple[Step, ...]:
    transfer = Step(
        "transfer",
        _wait(draw),
        mode=draw.choice(("cold", "cold", "warm")),
        release=draw.choice(RELEASES),
        to=draw.choice((None, None, "queue", "worker", "workflow")),
    )
    answer = draw.choice(("accept", "accept", "decline", "nothing", "cancel"))
    after = (Step(answer, _wait(draw, 2)),) if answer != "nothing" else ()
    return (Step("accept", _wait(draw)), transfer, *after, Step("complete", _wait(draw)), Step("complete", _wait(draw)))


def _parked(draw: random.Random) -> tuple[Step, ...]:
    """Put down, and woken by the customer, by an app, by the clock, or ended; perhaps taken up again."""
    way = draw.choice(("write", "write", "wake", "timer", "end", "write and wake"))
    park = Step(
        "park",
        _wait(draw, 2),
        wake_after_s=TIMER_S if way == "timer" else None,
        same_agent_s=draw.choice((0, 0, 86_400)),
    )
    waking = {
        "write": (Step("write", _wait(draw)),),
        "wake": (Step("wake", _wait(draw)),),
        "timer": (),
        "end": (Step("end", _wait(draw)),),
        "write and wake": (Step("write", _wait(draw, 0.2)), Step("wake", 0.0)),
    }[way]
    after = _served(draw) if way not in ("timer", "end") and draw.random() < 0.7 else ()
    return (Step("accept", _wait(draw)), park, *waking, *after)


def _goes(draw: random.Random) -> tuple[Step, ...]:
    """The only agent wants to go, or is taken off."""
    deed = draw.choice(("go", "go", "remove"))
    lasts = ("refuse", "transfer", "transfer") if deed == "go" else ("transfer", "transfer", "refuse", "end")
    going = Step(
        deed,
        _wait(draw, 2),
        last=draw.choice(lasts),
        release=draw.choice(RELEASES),
        to=draw.choice((None, None, "queue", "workflow")),
    )
    answer = draw.choice(("accept", "accept", "decline", "nothing"))
    after = (Step(answer, _wait(draw, 2)),) if answer != "nothing" else ()
    return (Step("accept", _wait(draw)), going, *after, Step("complete", _wait(draw)), Step("complete", _wait(draw)))


def _two_go(draw: random.Random) -> tuple[Step, ...]:
    """Two agents attend, and both want to go, nearly at once."""
    last = draw.choice(("refuse", "transfer"))
    return (
        Step("accept", _wait(draw)),
        Step("transfer", _wait(draw, 1), mode="warm", to=draw.choice((None, "queue", "worker"))),
        Step("accept", _wait(draw, 1)),
        Step("all go", _wait(draw, 1), last=last),
        Step("complete", _wait(draw)),
        Step("complete", _wait(draw)),
    )


def _ended(draw: random.Random) -> tuple[Step, ...]:
    """Ended by an app: before anybody came, while an agent attends, or in a race with the one who is coming."""
    before = (Step("accept", _wait(draw)),) if draw.random() < 0.6 else ()
    after = (Step("accept", 0.0), Step("complete", _wait(draw))) if draw.random() < 0.3 else ()
    return (*before, Step("end", _wait(draw), wrapup=draw.random() < 0.7), Step("complete", _wait(draw)), *after)


COURSES = {
    "nobody": _nobody,
    "nobody again": _nobody,
    "ignored": _ignored,
    "declined": _declined,
    "served": _served,
    "last moment": _at_the_last_moment,
    "called off": _called_off,
    "comes back": _comes_back,
    "asked again": _asked_again,
    "handed over": _handed_over,
    "handed over again": _handed_over,
    "parked": _parked,
    "parked again": _parked,
    "goes": _goes,
    "two go": _two_go,
    "ended": _ended,
}
