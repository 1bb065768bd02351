"""Two thousand escalations within one second: nobody is lost, nobody is made twice, and whoever is refused is told."""

import time
from collections.abc import Mapping

from service.model import State
from tests.overload.generator import Answer, Plan, offer
from tests.overload.rig import Rig
from tests.overload.tally import ALLOWED, SHED, Tally

PATIENCE_S = 60.0
STUDIO_S = 10.0  # what Studio waits for an answer
DRAIN_S = 240.0
AGAIN_RATE, AGAIN_CONNECTIONS = 100.0, 32  # of those who were refused
TAKEN = (200, 201, 202)
MOST_MB = 400.0  # of one process: some times what it needs, far from what a queue without bounds would take


def flood(rig: Rig, *, count: int, connections: int, kept_open: bool) -> Tally:
    """``connections``: how many the callers open at once; kept open as a proxy does, or one for each request."""
    manner = "kept open" if kept_open else "one a request"
    tally = Tally(f"flood: {count} escalations in 1 s, {connections} connections, {manner}")
    conversations = rig.customers(count)
    keys = {sid: f"flood-{connections}-{number}" for number, sid in enumerate(conversations)}
    began = time.monotonic()
    answers = offer(
        Plan(rig.house.url, connections, PATIENCE_S, [
            rig.escalation(number / count, sid, keys[sid]) for number, sid in enumerate(conversations)
        ], kept_open)
    )  # fmt: skip
    tally.note("time until the last answer s", time.monotonic() - began)
    tally.answers(answers)
    tally.note("answered after 10 s", sum(one.seconds > STUDIO_S for one in answers))
    tally.promise(all(one.status in (*ALLOWED, 0) for one in answers), "an answer that is none of the promised ones")
    tally.promise(all(one.retry_after for one in answers if one.status in SHED), "a refusal without Retry-After")
    given = dict(zip(conversations, answers, strict=True))
    _repeat(rig, tally, given, keys)
    made = "from the last answer until all are made s"
    tally.wait(made, lambda: not rig.open_records(State.REQUESTED), within_s=DRAIN_S)
    accounts(rig, tally, conversations)
    return tally


def _repeat(rig: Rig, tally: Tally, given: Mapping[str, Answer], keys: Mapping[str, str]) -> None:
    """Whoever got no answer, or was refused, asks again with the same key, until they are answered."""
    missing = [sid for sid, answer in given.items() if answer.status not in TAKEN]
    tally.note("repeated with the same key", len(missing))
    deadline = time.monotonic() + DRAIN_S
    while missing and time.monotonic() < deadline:
        shots = [rig.escalation(number / AGAIN_RATE, sid, keys[sid]) for number, sid in enumerate(missing)]
        answers = offer(Plan(rig.house.url, AGAIN_CONNECTIONS, PATIENCE_S, shots))
        missing = [sid for sid, one in zip(missing, answers, strict=True) if one.status not in TAKEN]
    tally.promise(not missing, f"{len(missing)} requests are refused for ever")


def accounts(rig: Rig, tally: Tally, conversations: list[str]) -> None:
    """Each conversation has one task; memory is bounded."""
    tasks = rig.tasks(conversations)
    lost, double = sum(not number for number in tasks.values()), sum(number > 1 for number in tasks.values())
    tally.note("lost / double", f"{lost} / {double}")
    tally.promise(lost == 0, f"{lost} were lost")
    tally.promise(double == 0 and not rig.house.judge()["double_invited"], f"{double} were made twice")
    for name, size in rig.memory.told().items():
        tally.note(f"peak of a {name} process MB", size)
        tally.promise(size < MOST_MB, f"{name} took {size} MB")
