"""What the public material on Twilio leaves open: each point is a switch, so that tests can run it both ways.

Only questions of fact about Twilio belong here. Faults (slowness, resets, lost callbacks) are in ``faults``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import get_type_hints

from service.sandbox.refusals import ControlRefused


@dataclass(frozen=True)
class Switches:
    """Every switch with its default; the metadata says what is open. Durations are seconds of the sandbox's clock."""

    direct_ring_out: str = field(
        default="cancel",
        metadata={
            "allowed": ("cancel", "pending"),
            "about": "a task for one worker rings out unanswered: it is canceled, or stays pending for that worker",
        },
    )
    second_close: str = field(
        default="ok",
        metadata={
            "allowed": ("ok", "refuse"),
            "about": "closing a channel that is closed already: answered 200, or 400 with code 45359",
        },
    )
    second_interaction: str = field(
        default="allow",
        metadata={
            "allowed": ("allow", "refuse"),
            "about": "a new Interaction on a conversation that still has an open one: made, or refused with 45366",
        },
    )
    queue_only_invite: str = field(
        default="refuse",
        metadata={
            "allowed": ("allow", "refuse"),
            "about": "Routing with queue_sid but no worker_sid: routed to that queue, or refused",
        },
    )
    caller_flex_sids: str = field(
        default="overwritten",
        metadata={
            "allowed": ("overwritten", "kept"),
            "about": "flex*Sid keys in the caller's attributes: replaced by Flex's own, or left as they came",
        },
    )
    flex_keys_count: bool = field(
        default=True, metadata={"about": "the keys that Flex adds count against the 4096 characters of attributes"}
    )
    conversation_close_closes_channel: bool = field(
        default=False, metadata={"about": "closing a Conversation through its own API also closes the Flex channel"}
    )
    system_deleted_after_end: bool = field(
        default=False, metadata={"about": "a task that ended raises task.system-deleted when it vanishes"}
    )
    bare_workflow_events: bool = field(
        default=False, metadata={"about": "workflow.* and task.deleted events carry no TaskAttributes and no TaskQueue"}
    )
    setup_s: float = field(default=0.0, metadata={"about": "how long a new channel stays in status setup"})
    setup_fails: bool = field(
        default=False, metadata={"about": "new channels fail in setup: status failed, and the task is canceled"}
    )
    accept_setup_s: float = field(
        default=0.0,
        metadata={"about": "from the agent's accept to reservation.accepted; no reservation timeout meanwhile"},
    )
    accept_fails: bool = field(
        default=False, metadata={"about": "accepting fails in setup: reservation.canceled, the task is routed anew"}
    )
    failed_setup: str = field(
        default="pending",
        metadata={
            "allowed": ("pending", "canceled"),
            "about": "a task whose accept failed in setup: back to pending, or canceled (one for one worker always is)",
        },
    )
    leave_takes: str = field(
        default="agent",
        metadata={
            "allowed": ("agent", "everybody"),
            "about": "Leave with another agent on the channel: only who leaves goes and it stays active, or all go",
        },
    )
    pause_s: float = field(
        default=1_209_600.0, metadata={"about": "how long a conversation may be paused before it goes to anybody"}
    )
    task_search_limit_rps: int = field(
        default=0, metadata={"about": "task lists by attribute allowed per second, 429 beyond; 0 = no limit"}
    )


KINDS = get_type_hints(Switches)


def describe(switches: Switches) -> dict[str, object]:
    """Name → value, default, what it may be, and what it is about."""
    return {
        item.name: {
            "value": getattr(switches, item.name),
            "default": item.default,
            "allowed": list(item.metadata.get("allowed", ())) or KINDS[item.name].__name__,
            "about": item.metadata["about"],
        }
        for item in fields(Switches)
    }


def changed(switches: Switches, wanted: Mapping[str, object]) -> Switches:
    """The switches with ``wanted`` set. Raises ControlRefused naming the switch that is unknown or out of range."""
    known = {item.name: item for item in fields(Switches)}
    values: dict[str, object] = {}
    for name, value in wanted.items():
        if name not in known:
            raise ControlRefused(f"unknown switch; known are {', '.join(known)}", field=name)
        values[name] = _checked(name, value, known[name].metadata.get("allowed"))
    return replace(switches, **values)  # type: ignore[arg-type]  # each was checked against its own kind


def _checked(name: str, value: object, allowed: tuple[str, ...] | None) -> object:
    if allowed is not None:
        if value not in allowed:
            raise ControlRefused(f"must be one of {', '.join(allowed)}", field=name)
        return value
    if KINDS[name] is bool:
        if not isinstance(value, bool):
            raise ControlRefused("must be true or false", field=name)
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ControlRefused("must be a number, 0 or more", field=name)
    return KINDS[name](value)
