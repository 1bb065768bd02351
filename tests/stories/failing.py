"""Each story again, with one of its calls to Twilio failing: every call, before and after it has had its effect."""

import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tests.stories.app import Json
from tests.stories.play import calls_since, last_entry, play
from tests.stories.rigs import Rig
from tests.stories.stage import Stage
from tests.stories.stories import Story
from tests.stories.table import Run

KINDS: dict[str, Json] = {
    "500 before": {"status": 500, "when": "before"},
    "500 after": {"status": 500, "when": "after"},
    "reset before": {"reset": True, "when": "before"},
    "reset after": {"reset": True, "when": "after"},
    "429 before": {"status": 429, "when": "before", "headers": {"Retry-After": "1"}},
    "lost, deaf": {"reset": True, "when": "after"},
}
DEAF = "lost, deaf"  # and no callback of the whole story arrives: what became of the call has to be looked for
MOST_ALIKE = 6  # of many calls that are alike (eight invites at once are looked at again and again) so many are tried
_SID = re.compile(r"([A-Z]{2})[0-9a-f]{32}")


@dataclass(frozen=True)
class Call:
    """The ``number``-th (from 0) of a story's calls that are alike but for their SIDs."""

    match: str  # "METHOD path"; the hexadecimal part of a SID is question marks
    number: int

    def __str__(self) -> str:
        return f"{self.match.replace('?' * 32, '…').replace('/v1/', '/')} #{self.number + 1}"

    def fault(self, kind: str) -> Json:
        """The order that makes this call fail."""
        return {"match": self.match, "skip": self.number, "times": 1, **KINDS[kind]}


def alike(what: str, number: int) -> Call:
    """The ``number``-th of such calls: "METHOD path" with a SID's two letters in place of each SID."""
    return Call(re.sub(r"(?<=/)([A-Z]{2})(?=/|$)", r"\1" + "?" * 32, what), number)


def calls_of(rig: Rig, story: Story) -> list[Call]:
    """Play the story undisturbed; the calls that it has made of Twilio, in order."""
    began: list[int] = []
    play(rig, story, lambda stage: began.append(last_entry(rig)))
    return numbered(likeness(entry["method"], entry["path"]) for entry in calls_since(rig, began[0]))


def numbered(likenesses: Iterable[str]) -> list[Call]:
    """Each one with its number among those that are alike."""
    seen: Counter[str] = Counter()
    calls = []
    for likeness in likenesses:
        calls.append(Call(likeness, seen[likeness]))
        seen[likeness] += 1
    return [call for call in calls if call.number in _spread(seen[call.match])]


def run(rig: Rig, story: Story, call: Call, kind: str) -> Run:
    """Play the story with one call failing."""
    placed: list[str] = []

    def spoil(stage: Stage) -> None:
        placed.append(str(rig.control("POST", "faults", call.fault(kind))["id"]))
        if kind == DEAF:
            rig.control("POST", "callbacks", {"lost": True})

    began, fault = time.monotonic(), ""
    try:
        play(rig, story, spoil)
    except AssertionError as error:
        fault = str(error) or _where(error)
    orders = rig.control("GET", "faults")["faults"]
    struck = any(one["id"] in placed and one["hits"] for one in orders)
    return Run(story.name, kind, str(call), struck, fault, time.monotonic() - began)


def _where(error: AssertionError) -> str:
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return f"{step.tb_frame.f_code.co_name}, line {step.tb_lineno}" if step else "?"


def likeness(method: str, path: str) -> str:
    """What calls have in common that differ in their SIDs only; it matches each of them."""
    return _SID.sub(r"\1" + "?" * 32, f"{method} {path}")


def _spread(count: int) -> set[int]:
    """All, or the first, the last and some between."""
    if count <= MOST_ALIKE:
        return set(range(count))
    return {round(place * (count - 1) / (MOST_ALIKE - 1)) for place in range(MOST_ALIKE)}
