"""Invite ↔ the flat fields of its Redis hash, and the names of every key. No I/O.

Key map (``NN`` is one of 64 partitions, and the hash tag that keeps a conversation's keys on one cluster node):

    flex:{NN}:inv:<id>     hash    the record
    flex:{NN}:due          zset    id → due time (epoch ms by Redis' clock); every record with something left to do
    flex:{NN}:open         zset    id → rank of its state * 1e13 + created at: what is due some time, by age
    flex:{NN}:all          zset    id → created at, for 30 days
    flex:{NN}:hits         hash    how often each rule has decided, and when last
    flex:{NN}:er:<id>      hash    an errand, in the partition of its channel SID
    flex:{NN}:line:<UO>    list    ids of a channel's errands that wait for their turn
    flex:{NN}:ers:<CH|UO>  set     ids of the errands of one conversation or channel, in the partition of that SID
    flex:{NN}:of:<CH|UO>   set     ids of one conversation, or of a channel whose conversation was not known; in the
                                   partition of that SID
    flex:{NN}:ev:<EV>      string  an event that was seen, in the partition of its invite
    flex:{NN}:task:<WT>    string  invite id, in the partition of the task SID
    flex:{NN}:thread:<CH>  hash    interaction_sid and channel_sid of a conversation
    flex:{NN}:chan:<UO>    string  conversation SID, in the partition of the channel SID
    flex:{NN}:closing:<CH|UO>
                           string  present while that conversation or channel is being closed, in the partition of the
                                   SID
    flex:{NN}:idem:<key>   string  "invite id|fingerprint", in the partition of the key
    flex:{00}:catchup, flex:{00}:catchup-turn, flex:{00}:directory
"""

import json
import re
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import asdict

from service.errors import LaterVersionError
from service.model import Entry, Invite, Kind, Mode, Origin, Plan, Release, Route, RoutingRequest, State, Target
from service.tracking.packing import COUNT, pack, unpack

PARTITIONS = 64
PACKED = "packed"  # in place of a plan: without one, earlier versions take a record for what is left of one
RECORD_VERSION = "3"

_ID = re.compile(r"iv_([0-9]{2})_([0-9a-z]{32,33})")
_TEXTS = ("interaction_sid", "channel_sid", "conversation_sid", "invite_sid", "task_sid", "worker_sid",
          "predecessor", "successor", "reason", "asked_by", "trouble")  # fmt: skip
_NUMBERS = ("step", "attempt", "sent_at_ms", "created_at_ms", "ladder_at_ms", "ended_at_ms", "looks",
            "hidden_looks")  # fmt: skip
_FLAGS = ("farewell_sent", "old_agent_gone", "cancel_wanted", "let_go")


def partition_of(anchor: str) -> int:
    """The partition of a SID or key: stable across processes and versions, so never change it."""
    return zlib.crc32(anchor.encode()) % PARTITIONS


def new_invite_id(anchor: str) -> str:
    """A fresh id in the partition of ``anchor`` (the conversation, or the channel where that is all we have)."""
    return f"iv_{partition_of(anchor):02d}_{secrets.token_hex(16)}"


def next_invite_id(predecessor: str) -> str:
    """A fresh id in the partition of the invite that lapsed."""
    return f"{predecessor[:6]}{secrets.token_hex(16)}"


def adopted_invite_id(anchor: str, task_sid: str) -> str:
    """The one id under which a task that others made is tracked, whoever sees it first."""
    return f"iv_{partition_of(anchor):02d}_a{task_sid[2:].lower()}"


def is_invite_id(text: object) -> bool:
    """True if ``text`` has the form of an id of ours with an existing partition."""
    match = _ID.fullmatch(text) if isinstance(text, str) else None
    return match is not None and int(match[1]) < PARTITIONS


def partition_of_id(invite_id: str) -> int:
    """The partition that an id carries."""
    return int(invite_id[3:5])


def key(partition: int, name: str) -> str:
    """The full key of ``name`` in a partition."""
    return f"flex:{{{partition:02d}}}:{name}"


def anchored(name: str, sid: str) -> str:
    """The full key of ``name:sid`` in the partition of that SID."""
    return key(partition_of(sid), f"{name}:{sid}")


def fields_of(invite: Invite) -> dict[str, str]:
    """The record as written by a create. What is unset is left out; times come from the store itself."""
    fields = {name: str(value) for name in _TEXTS if (value := getattr(invite, name)) is not None}
    fields |= {name: str(value) for name in ("step", "attempt", "ladder_at_ms") if (value := getattr(invite, name))}
    fields |= {name: "1" for name in _FLAGS if getattr(invite, name)}
    return fields | {"kind": invite.kind, "state": invite.state} | request_fields(invite)


def request_fields(invite: Invite) -> dict[str, str]:
    """The request and its plan, as the record keeps them; and its version: whoever cannot read them must know."""
    plan = {name: value for name, value in invite.plan.__dict__.items() if value is not None}
    plan |= {"steps": [_route_fields(route) for route in invite.plan.steps], "trace": _readable(invite.plan.trace)}
    return {"v": RECORD_VERSION, "plan": PACKED, **pack([asdict_request(invite.request), plan])}


def invite_of(fields: Mapping[str, str], due_ms: int | None) -> Invite:
    """The record as read. Raises LaterVersionError if a later version has written it; KeyError or ValueError if it
    is not one of ours.
    """
    refuse_later(fields, RECORD_VERSION)
    texts = {name: fields.get(name) or None for name in _TEXTS}
    numbers = {name: int(fields[name]) for name in _NUMBERS if fields.get(name)}
    flags = {name: fields.get(name) == "1" for name in _FLAGS}
    request, plan = _asked(fields)
    return Invite(
        id=fields["id"],
        kind=Kind(fields["kind"]),
        state=State(fields["state"]),
        request=_request_of(request),
        plan=_plan_of(plan),
        due_ms=due_ms,
        history=history_of(fields),
        **texts,  # type: ignore[arg-type]  # names and types are those of the record
        **numbers,  # type: ignore[arg-type]
        **flags,  # type: ignore[arg-type]
    )


def _asked(fields: Mapping[str, str]) -> tuple[dict[str, object], dict[str, object]]:
    """The request and the plan; versions 1 and 2 had a field of JSON for each."""
    found = unpack(fields) if COUNT in fields else [json.loads(fields["request"]), json.loads(fields["plan"])]
    if not isinstance(found, list) or len(found) != 2:
        raise ValueError("a record holds a request and a plan")
    return found[0], found[1]


def refuse_later(fields: Mapping[str, str], version: str) -> None:
    """Raise LaterVersionError for a record that a later version of the service has written.

    While an upgrade is half done, old processes meet such records. What they do not understand they must not judge,
    and not drop from what they write next: they leave it to the new processes, and say so.
    """
    if int(fields.get("v", "1")) > int(version):
        raise LaterVersionError(
            f"record {fields['id']} was written by a later version of this service: finish the upgrade", retry_after_s=5
        )


def history_of(fields: Mapping[str, str]) -> tuple[Entry, ...]:
    """The lines of a record's history, oldest first. Before version 3 all of it was one field, ``log``; while an
    upgrade is half done there may be both."""
    pieces = "".join(fields[f"l{number}"] for number in range(int(fields.get("ln") or 0)))
    text = f"{fields.get('log') or ''}\n{pieces}"
    lines = [line.split(" ", 2) for line in text.splitlines() if line]
    return tuple(sorted((Entry(int(at), state, what) for at, state, what in lines), key=lambda entry: entry.at_ms))


def asdict_request(request: RoutingRequest) -> dict[str, object]:
    """The request as a JSON object; unset fields are left out."""
    fields = asdict(_plain(request)).items()
    return {name: value for name, value in fields if value is not None and (value != {} or name == "carried")}


def _plain(request: RoutingRequest) -> RoutingRequest:
    # asdict copies deeply and cannot copy a mapping proxy
    carried = None if request.carried is None else dict(request.carried)
    return RoutingRequest(**{**request.__dict__, "attributes": dict(request.attributes), "carried": carried})


def _route_fields(route: Route) -> dict[str, object]:
    fields = {**route.__dict__, "attributes": dict(route.attributes)}
    return {name: value for name, value in fields.items() if value not in (None, False, {})}


def _readable(trace: str) -> object:
    """A trace as the JSON that it is, if it reads the same again: a text in a text is full of escapes."""
    try:
        value = json.loads(trace)
    except ValueError:
        return trace
    return value if _compact(value) == trace and not isinstance(value, str) else trace


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _request_of(data: dict[str, object]) -> RoutingRequest:
    made: dict[str, object] = dict(data)
    for name, kind in (("origin", Origin), ("to", Target)):
        if isinstance(value := data.get(name), dict):
            made[name] = kind(**value)
    for name, enum in (("kind", Kind), ("mode", Mode), ("release", Release)):
        if isinstance(value := data.get(name), str):
            made[name] = enum(value)
    return RoutingRequest(**made)  # type: ignore[arg-type]  # the dict was written by asdict_request


def _plan_of(data: dict[str, object]) -> Plan:
    steps = data.pop("steps")
    assert isinstance(steps, list)
    if isinstance(release := data.get("release"), str):
        data["release"] = Release(release)
    if not isinstance(trace := data.get("trace", ""), str):
        data["trace"] = _compact(trace)
    return Plan(steps=tuple(Route(**step) for step in steps), **data)  # type: ignore[arg-type]
