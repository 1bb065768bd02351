"""What the control plane tells: the seeded names, and everything about one conversation. It only looks."""

import json

from service.sandbox.clock import iso_ms
from service.sandbox.judge import is_orphaned
from service.sandbox.state import Channel, Conversation, Invite, Member, Participant, Task
from service.sandbox.world import World

Json = dict[str, object]


def info_report(world: World) -> Json:
    """Account, SIDs by name, and where events go."""
    return {
        "account_sid": world.account.sid,
        "auth_token": world.account.token,
        "workspace_sid": world.workspace.sid,
        "workflows": {one.friendly_name: one.sid for one in world.workflows.values()},
        "queues": {one.friendly_name: one.sid for one in world.queues.values()},
        "workers": {one.friendly_name: one.sid for one in world.workers.values()},
        "task_channels": {one.unique_name: one.sid for one in world.task_channels.values()},
        "activities": {one.friendly_name: one.sid for one in world.activities.values()},
        "event_callback_url": world.workspace.event_callback_url,
        "base_url": world.origin,
        "now": iso_ms(world.now()),
    }


def conversation_report(world: World, conversation: Conversation) -> Json:
    """Everything, tasks that Twilio has forgotten included. Interaction and channel are the latest ones."""
    channels = [world.channels[sid] for sid in conversation.channel_sids]
    last = channels[-1] if channels else None
    tasks = [task for channel in channels for task in world.tasks_of(channel)]
    return {
        "conversation_sid": conversation.sid,
        "state": conversation.state,
        "channel_type": conversation.channel_type,
        "attributes": json.loads(conversation.attributes),
        "interaction_sid": last.interaction_sid if last else None,
        "channel_sid": last.sid if last else None,
        "channel_status": last.status if last else None,
        "channels": [_channel(one) for one in channels],
        "orphaned": is_orphaned(world, conversation),
        "participants": _participants(world, conversation, last),
        "messages": [
            {"author": one.author, "body": one.body, "at": iso_ms(one.created)} for one in conversation.messages
        ],
        "tasks": [_task(world, task) for task in tasks],
        "invites": [_invite(one) for channel in channels for one in channel.invites],
        "webhooks": [{"sid": one.sid, "url": one.url, "filters": one.filters} for one in conversation.webhooks],
    }


def _channel(channel: Channel) -> Json:
    return {
        "channel_sid": channel.sid,
        "interaction_sid": channel.interaction_sid,
        "status": channel.status,
        "initiated_by": channel.initiated_by,
    }


def _participants(world: World, conversation: Conversation, channel: Channel | None) -> list[Json]:
    if channel is None:
        return [_member(one) for one in conversation.members]
    members = {one.sid: one for one in conversation.members}
    return [_participant(world, one, members) for one in channel.participants]


def _member(member: Member) -> Json:
    kind = "agent" if member.agent else "customer"
    return {"sid": member.sid, "type": kind, "identity": member.identity or member.address}


def _participant(world: World, participant: Participant, members: dict[str, Member]) -> Json:
    told: Json = {"sid": participant.sid, "type": participant.type}
    member = members.get(participant.conversation_participant_sid or "")
    if member:
        told["identity"] = member.identity or member.address
    if participant.routing:
        told["worker"] = world.workers[participant.routing["worker_sid"]].friendly_name
        told["task_sid"] = participant.routing["task_sid"]
    return told


def _task(world: World, task: Task) -> Json:
    queue, workflow = world.queues.get(task.queue_sid), world.workflows.get(task.workflow_sid)
    reservations = [world.reservations[sid] for sid in world.reservations_of_task[task.sid]]
    latest = reservations[-1] if reservations else None
    return {
        "sid": task.sid,
        "assignment_status": task.status,
        "reason": task.reason,
        "queue": queue.friendly_name if queue else None,
        "workflow": workflow.friendly_name if workflow else None,
        "attributes": task.attributes,
        "priority": task.priority,
        "timeout": task.timeout,
        "task_channel": world.task_channels[task.task_channel_sid].unique_name,
        "worker": world.workers[latest.worker_sid].friendly_name if latest else None,
        "routing_target": task.routing_target,
        "invite_sid": task.invite_sid,
        "created_at": iso_ms(task.created),
        "vanished": task.vanished,
        "reservations": [
            {
                "sid": one.sid,
                "worker": world.workers[one.worker_sid].friendly_name,
                "status": one.status,
                "ignored": one.ignored,
            }
            for one in reservations
        ],
    }


def _invite(invite: Invite) -> Json:
    return {
        "sid": invite.sid,
        "channel_sid": invite.channel_sid,
        "task_sid": invite.task_sid,
        "asked": invite.asked,
        "at": iso_ms(invite.created),
    }
