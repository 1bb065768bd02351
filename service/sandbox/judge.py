"""The judge: which conversations are orphaned, invited twice, closed under an agent, or unheard. It only looks.

What it holds to be left on purpose, and so not orphaned: channels that are inactive or paused; channels whose last task
was completed because its agent left or parked; and those that came through Flex before anybody asked for an invite.
Whoever is taken off by the API has not parked, unless a webhook waits for the customer's next message.

Unheard are those of them, but not the paused ones (an agent keeps these), whose customer has written since the last
task ended, a minute ago or longer, and for whom nobody has been asked: no live task, then or now. A list of its own,
which empties itself; nothing in it is in one of the other three for that.
"""

from collections import defaultdict

from service.sandbox.attendance import attendance_of, last_ended
from service.sandbox.clock import iso_ms
from service.sandbox.state import LIVE_TASK, Conversation, Message, Task
from service.sandbox.world import World

UNHEARD_S = 60
SAME_REQUEST = ("execution_sid", "idempotency_key")  # attributes that tell two invites of one request


def verdict(world: World) -> dict[str, object]:
    """The four lists of conversation SIDs, and the details of each case."""
    orphaned = [one for one in world.conversations.values() if is_orphaned(world, one)]
    doubled = _double_invited(world)
    unheard = _unheard(world)
    return {
        "orphaned": [one.sid for one in orphaned],
        "double_invited": sorted({str(case["conversation_sid"]) for case in doubled}),
        "closed_under_agent": sorted({note["conversation_sid"] for note in world.closed_under_agent}),
        "unheard": [case["conversation_sid"] for case in unheard],
        "details": {
            "orphaned": [_orphan(world, one) for one in orphaned],
            "double_invited": doubled,
            "closed_under_agent": world.closed_under_agent,
            "unheard": unheard,
        },
    }


def is_orphaned(world: World, conversation: Conversation) -> bool:
    """It has been in Flex, is not closed, and on none of its channels is anybody, anything coming, or a purpose."""
    if conversation.state == "closed" or not conversation.channel_sids:
        return False
    now = attendance_of(world, conversation)
    return not (now.agents or now.live_tasks or now.parked)


def _unheard(world: World) -> list[dict[str, object]]:
    cases: list[dict[str, object]] = []
    for conversation in world.conversations.values():
        message = _first_unheard(world, conversation)
        if message is not None and message.created <= world.now() - UNHEARD_S:
            told = {"message_sid": message.sid, "written_at": iso_ms(message.created)}
            cases.append({"conversation_sid": conversation.sid, **told})
    return cases


def _first_unheard(world: World, conversation: Conversation) -> Message | None:
    """The customer's first message since everybody left."""
    if conversation.state == "closed" or not attendance_of(world, conversation).parked:
        return None
    channels = [world.channels[sid] for sid in conversation.channel_sids]
    if any(channel.status == "pause" for channel in channels):
        return None
    last = last_ended([task for channel in channels for task in world.tasks_of(channel)])
    since = last.ended_number if last else 0
    customers = {name for one in conversation.members if not one.agent for name in (one.identity, one.address)}
    written = (one for one in conversation.messages if not one.by_api or one.author in customers)
    return next((one for one in written if one.number > since), None)


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
