"""How a task ended is told by its events, in whatever order they come."""

from itertools import permutations

import pytest

from service.audit.history import Story
from service.audit.look import places_of
from service.model import TaskEvent
from tests.conftest import sid

THREAD = {
    "flexInteractionSid": sid("KD", 1),
    "flexInteractionChannelSid": sid("UO", 1),
    "conversationSid": sid("CH", 1),
    "channelType": "sms",
}


def event(event_type: str, at_ms: int, **attributes: object) -> TaskEvent:
    return TaskEvent(sid("EV", at_ms), event_type, at_ms, sid("WS", 1), sid("WT", 1), attributes=attributes)


ENDINGS = {
    "completed, then purged": (["task.completed", "task.system-deleted"], "task.completed"),
    "timed out, then canceled": (["workflow.timeout", "task.canceled", "task.system-deleted"], "workflow.timeout"),
    "deleted": (["task.deleted"], "task.deleted"),
    "still there": ([], None),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_ending_is_the_same_in_any_order(name: str) -> None:
    types, wanted = ENDINGS[name]
    events = [event("task.created", 1, **THREAD), *(event(one, number) for number, one in enumerate(types, 2))]
    for order in permutations(events):
        story = Story(sid("WT", 1))
        for one in order:
            story.hear(one)
        assert (story.ending, story.created_ms, story.channel_type) == (wanted, 1, "sms")
        assert story.ended_ms == (2 if wanted else None)


def test_newest_channel_comes_first() -> None:
    old, new = Story(sid("WT", 1)), Story(sid("WT", 2))
    old.hear(event("task.created", 1, **THREAD))
    new.hear(event("task.created", 2, **{**THREAD, "flexInteractionChannelSid": sid("UO", 2)}))
    assert [place.channel_sid for place in places_of(sid("CH", 1), [old, new])] == [sid("UO", 2), sid("UO", 1)]
