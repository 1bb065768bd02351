"""One story from its beginning to its check, with or without something that fails on the way."""

from collections.abc import Callable

from tests.stories.app import Json
from tests.stories.rigs import Rig
from tests.stories.stage import Stage
from tests.stories.stories import Story

JUDGED = ("orphaned", "double_invited", "closed_under_agent", "unheard")


def play(rig: Rig, story: Story, spoil: Callable[[Stage], None] = lambda stage: None) -> Stage:
    """Play it; ``spoil`` is called between the beginning and the acts. Raises AssertionError where it ends wrongly."""
    rig.start_anew()
    stage = Stage(rig)
    story.prepare(stage)
    stage.began_ms = int(rig.control("GET", "clock")["now_epoch_ms"])
    spoil(stage)
    story.act(stage)
    stage.rest()
    _nothing_wrong(stage, story)
    story.check(stage)
    _nothing_wrong(stage, story)
    return stage


def _nothing_wrong(stage: Stage, story: Story) -> None:
    judge = stage.rig.control("GET", "judge")
    found = {name: judge[name] for name in JUDGED if judge[name]}
    assert not found, f"{found} {judge['details']}"
    assert not (story.attended and stage.unattended_ms() > 0), f"alone for {stage.unattended_ms()} ms"
    assert stage.unsettled() == []


def last_entry(rig: Rig) -> int:
    """The number of the newest entry of Twilio's log."""
    entries: list[Json] = rig.control("GET", "log")["entries"]
    return int(entries[-1]["seq"]) if entries else 0


def calls_since(rig: Rig, number: int) -> list[Json]:
    """The service's calls to Twilio since then, in the order in which they ended."""
    entries: list[Json] = rig.control("GET", f"log?kind=api&after={number}")["entries"]
    return entries
