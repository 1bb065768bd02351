"""Who looked after a conversation, and when: whether an agent was on it, a live task under way, or neither on purpose.

It is noted at the end of each turn (and after each timer) for the conversations that were touched in it. A turn is one
call or one group of acts: nobody outside sees what is between, so a gap inside one is none. In here nothing is changed
but the notes. Each conversation keeps its latest ``ATTENDANCES_KEPT``.
"""

from dataclasses import replace
from itertools import pairwise

from service.sandbox.state import ATTENDANCES_KEPT, LIVE_TASK, Attendance, Channel, Conversation, Task
from service.sandbox.world import World

OVER = ("closed", "failed")
ON_PURPOSE = ("inactive", "pause")

Json = dict[str, object]


def note_attendance(world: World) -> None:
    """Note what has changed for the conversations that were touched since the last time."""
    touched, world.touched = world.touched, {}
    for conversation in touched.values():
        kept, now = conversation.attendance, attendance_of(world, conversation)
        if not kept:
            kept.append(now)
        elif replace(now, at=kept[-1].at) != kept[-1]:
            kept.append(replace(now, at=max(now.at, kept[-1].at)))  # a timer may be told of after its time


def attendance_of(world: World, conversation: Conversation) -> Attendance:
    """As it is at this moment, over all of the conversation's channels; whoever wraps up a closed one has hung up."""
    channels = [one for sid in conversation.channel_sids if (one := world.channels[sid]).status not in OVER]
    agents = sum(one.type == "agent" for channel in channels for one in channel.participants)
    live = sum(task.status in LIVE_TASK for channel in channels for task in world.tasks_of(channel))
    closed = conversation.state == "closed"
    alone = not (agents or live or closed)
    parked = alone and any(left_on_purpose(world, channel) for channel in channels)
    return Attendance(world.now(), agents, live, parked, closed)


def left_on_purpose(world: World, channel: Channel) -> bool:
    """Not over, and inactive or paused, or its last task was completed because the agent left or parked."""
    if channel.status in OVER:
        return False
    last = last_ended(world.tasks_of(channel))
    return channel.status in ON_PURPOSE or (last is not None and last.left and last.status == "completed")


def last_ended(tasks: list[Task]) -> Task | None:
    """The one that ended last."""
    return max((task for task in tasks if task.ended is not None), key=lambda task: task.ended_number, default=None)


def attendance_report(world: World, conversation: Conversation) -> Json:
    """Spans of epoch milliseconds of the sandbox's clock; ``to_ms`` is null for the one that lasts.

    A span of no length is told too: two turns fell into one millisecond. ``truncated``: the oldest are gone.
    """
    note_attendance(world)
    kept = conversation.attendance
    spans = [_span(one, after) for one, after in pairwise([*kept, None])]
    return {"spans": spans, "unattended": _unattended(spans), "truncated": len(kept) == ATTENDANCES_KEPT}


def _span(one: Attendance | None, after: Attendance | None) -> Json:
    assert one is not None  # None is only what follows the last
    return {
        "from_ms": int(one.at * 1000),
        "to_ms": int(after.at * 1000) if after else None,
        "agents": one.agents,
        "live_tasks": one.live_tasks,
        "parked": one.parked,
        "closed": one.closed,
    }


def _unattended(spans: list[Json]) -> list[Json]:
    """Open, with no agent and no live task; spans that follow each other are one."""
    found: list[Json] = []
    before: Json | None = None
    for span in spans:
        alone = not (span["agents"] or span["live_tasks"] or span["closed"])
        if alone and before is not None:
            before["to_ms"] = span["to_ms"]
        elif alone:
            before = {"from_ms": span["from_ms"], "to_ms": span["to_ms"]}
            found.append(before)
        else:
            before = None
    return found
