"""The judge: which conversations are orphaned, invited twice, or were closed under an agent. It only looks.

What it holds to be left on purpose, and so not orphaned: channels that are inactive or paused; channels whose last task
was completed because its agent left or parked; and those that came through Flex before anybody asked for an invite.
"""

from collections import defaultdict

from service.sandbox.seats import agents_on
from service.sandbox.state import LIVE_TASK, Channel, Conversation, Task
from service.sandbox.world import World

ON_PURPOSE = ("inactive", "pause")
SAME_REQUEST = ("execution_sid", "idempotency_key")  # attributes that tell two invites of one request


def verdict(world: World) -> dict[str, object]:
    """The three lists of conversation SIDs, and the details of each case."""
    orphaned = [one for one in world.conversations.values() if is_orphaned(world, one)]
    doubled = _double_invited(world)
    return {
        "orphaned": [one.sid for one in orphaned],
        "double_invited": sorted({str(case["conversation_sid"]) for case in doubled}),
        "closed_under_agent": sorted({note["conversation_sid"] for note in world.closed_under_agent}),
        "details": {
            "orphaned": [_orphan(world, one) for one in orphaned],
            "double_invited": doubled,
            "closed_under_agent": world.closed_under_agent,
        },
    }


def is_orphaned(world: World, conversation: Conversation) -> bool:
    """It has been in Flex, is not closed, and on none of its channels is anybody, anything coming, or a purpose."""
    if conversation.state == "closed" or not conversation.channel_sids:
        return False
    return not any(_attended(world, world.channels[sid]) for sid in conversation.channel_sids)


def _attended(world: World, channel: Channel) -> bool:
    if channel.status in ("closed", "failed"):
        return False
    tasks = world.tasks_of(channel)
    live = any(task.status in LIVE_TASK for task in tasks)
    return live or bool(agents_on(channel)) or channel.status in ON_PURPOSE or _left_on_purpose(tasks)


def _left_on_purpose(tasks: list[Task]) -> bool:
    ended = [task for task in tasks if task.ended is not None]
    last = max(ended, key=lambda task: task.ended_number, default=None)
    return last is not None and last.left and last.status == "completed"


def _orphan(world: World, conversation: Conversation) -> dict[str, object]:
    channels = [world.channels[sid] for sid in conversation.channel_sids]
    tasks = [task for channel in channels for task in world.tasks_of(channel)]
    return {
        "conversation_sid": conversation.sid,
        "conversation_state": conversation.state,
        "channels": [{"channel_sid": channel.sid, "status": channel.status} for channel in channels],
        "tasks": [{"task_sid": task.sid, "status": task.status, "reason": task.reason} for task in tasks],
    }


def _double_invited(world: World) -> list[dict[str, object]]:
    groups: dict[tuple[str, ...], list[Task]] = defaultdict(list)
    for task in world.tasks.values():
        if "router_invite_id" in task.attributes:
            groups["router_invite_id", str(task.attributes["router_invite_id"])].append(task)
        if task.status in LIVE_TASK and task.channel_sid:
            for name in SAME_REQUEST:
                if task.attributes.get(name):
                    groups[name, task.channel_sid, str(task.attributes[name])].append(task)
    return [_doubled(world, key[0], tasks) for key, tasks in groups.items() if len(tasks) > 1]


def _doubled(world: World, by: str, tasks: list[Task]) -> dict[str, object]:
    channel = world.channels.get(tasks[0].channel_sid or "")
    sid = channel.conversation_sid if channel else tasks[0].attributes.get("conversationSid", "")
    return {"conversation_sid": sid, "by": by, "task_sids": [task.sid for task in tasks]}
