"""What a task is given to carry: the old task's attributes, the caller's, the rule's, and ours. Pure."""

import json
import re
from collections.abc import Iterable, Mapping

from service.model import Invite, Route
from service.rules.carried import FLEX_ROOM, MOST_CHARACTERS, attributes_of, laid_over

FLEX_SIDS_ROOM = 200  # what is left of FLEX_ROOM where an older task's keys of Flex are carried on: three SIDs are 189
FLEX_KEYS = frozenset(
    ("conversationSid", "channelType", "taskCreateSource", "direction", "initiatedBy", "customers", "conversations")
)  # what Flex adds to every task of an interaction, beside its SIDs ("Interactions API")

_OURS = "router_"
_FLEX_SIDS = re.compile(r"flex[A-Za-z]*Sid")


def without_flex_sids(attributes: Mapping[str, object]) -> dict[str, object]:
    """The attributes of an older task made fit for a new one.

    Flex writes flexInteractionSid, flexInteractionChannelSid and flexChannelInviteSid itself; that it overwrites
    old ones is not promised anywhere.
    """
    return {name: value for name, value in attributes.items() if not _FLEX_SIDS.fullmatch(name)}


def carried_over(attributes: Mapping[str, object]) -> dict[str, object]:
    """What a transfer takes over from the task of the agent who hands on: all but Flex' SIDs and our own keys."""
    return {name: value for name, value in without_flex_sids(attributes).items() if not name.startswith(_OURS)}


def task_attributes(invite: Invite, route: Route, *, present: Iterable[str] = ()) -> dict[str, object]:
    """The attributes of the task that ``route`` asks for. Ours win over the rule's, the rule's over the caller's, and
    those over what is carried on from the old task.

    ``present`` are the workers (WK) who are on the conversation already. Their list is on every task, empty if need
    be: for a workflow's ``worker.sid NOT IN task.router_workers_present`` nobody is eligible where there is no list.
    """
    ours: dict[str, object] = {
        "router_invite_id": invite.id,
        "router_kind": str(invite.kind),
        "router_rule": invite.plan.rule,
        "router_target": route.target,
        "router_queue": route.queue,
        "router_queue_sid": route.queue_sid,
        # JSON null, not "null": a known-worker target waits for a worker of that name otherwise ("Known Agent Routing")
        "router_worker_sid": route.worker_sid,
        "router_workers_present": sorted(set(present)),
    }
    if invite.plan.on_lapse == "leave":
        ours["router_on_lapse"] = "leave"  # must be known even if our records are lost
    theirs = laid_over(without_flex_sids(attributes_of(invite.request)), route.attributes)
    return {**theirs, **ours}


def most_characters(attributes: Mapping[str, object]) -> int:
    """How large these may be, so that what Flex adds to them has room: a task too large would be refused by Twilio,
    and each further step of the rule with it."""
    return MOST_CHARACTERS - (FLEX_SIDS_ROOM if attributes.keys() >= FLEX_KEYS else FLEX_ROOM)


def characters(attributes: Mapping[str, object]) -> int:
    """The size that counts against ``most_characters``: of the JSON text as TaskRouter gives it back, not escaped."""
    return len(json.dumps(attributes, ensure_ascii=False))
