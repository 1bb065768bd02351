"""What a task is given to carry: the caller's facts, the rule's, and ours. Pure."""

import json
import re
from collections.abc import Mapping

from service.model import Invite, Route

MOST_CHARACTERS = 4096  # of one task's attributes, white space included: "TaskRouter resource limits"

_FLEX_SIDS = re.compile(r"flex[A-Za-z]*Sid")


def without_flex_sids(attributes: Mapping[str, object]) -> dict[str, object]:
    """The attributes of an older task made fit for a new one.

    Flex writes flexInteractionSid, flexInteractionChannelSid and flexChannelInviteSid itself; that it overwrites
    old ones is not promised anywhere.
    """
    return {name: value for name, value in attributes.items() if not _FLEX_SIDS.fullmatch(name)}


def task_attributes(invite: Invite, route: Route) -> dict[str, object]:
    """The attributes of the task that ``route`` asks for. Ours win over the rule's, the rule's over the caller's."""
    ours: dict[str, object] = {
        "router_invite_id": invite.id,
        "router_kind": str(invite.kind),
        "router_rule": invite.plan.rule,
        "router_target": route.target,
        "router_queue": route.queue,
        "router_queue_sid": route.queue_sid,
        # JSON null, not "null": a known-worker target waits for a worker of that name otherwise ("Known Agent Routing")
        "router_worker_sid": route.worker_sid,
    }
    if invite.plan.on_lapse == "leave":
        ours["router_on_lapse"] = "leave"  # must be known even if our records are lost
    return {**without_flex_sids(invite.request.attributes), **route.attributes, **ours}


def characters(attributes: Mapping[str, object]) -> int:
    """The size that counts against MOST_CHARACTERS: of the JSON text as TaskRouter gives it back, not escaped."""
    return len(json.dumps(attributes, ensure_ascii=False))
