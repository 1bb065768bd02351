"""What one customer and the agents around them do: drawn from a seed, the same for the same number. Pure."""

import random
from dataclasses import dataclass

TOPICS = ("", "", "billing", "billing", "ladder", "leave")
ENTRANCES = ("studio", "studio", "studio", "returning", "flex")
ENDINGS = ("complete", "complete", "complete", "leave", "drop")


@dataclass(frozen=True)
class Step:
    """One deed after ``wait_s``. ``transfer`` also says how."""

    deed: str
    wait_s: float
    mode: str = "cold"
    release: str = "on_accept"
    to: str | None = None  # None: the rules decide


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
        release=draw.choice(("on_accept", "on_accept", "immediately")),
        to=draw.choice((None, None, "queue", "worker", "workflow")),
    )
    answer = draw.choice(("accept", "accept", "decline", "nothing", "cancel"))
    after = (Step(answer, _wait(draw, 2)),) if answer != "nothing" else ()
    return (Step("accept", _wait(draw)), transfer, *after, Step("complete", _wait(draw)), Step("complete", _wait(draw)))


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
}
