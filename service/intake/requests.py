"""Take one routing request: recognise a repetition, write the intent, make the invite, answer in time. No Flask."""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from hashlib import sha256

import structlog

from service.errors import (
    ClosingError,
    ConflictError,
    FieldError,
    InvalidFieldsError,
    RouterError,
    StoreUnavailableError,
    TwilioRefusedError,
)
from service.flex.http import budget
from service.intake.callers import Caller
from service.intake.desk import Desk
from service.intake.payloads import body_fingerprint
from service.intake.permits import check_attends
from service.metrics import record
from service.model import Invite, RoutingRequest, State
from service.reconcile.attended import Place, place_of, with_carried, workers_present
from service.reconcile.fitting import draft, fitting_decision
from service.reconcile.fulfil import Sent, send, sids_of
from service.reconcile.resync import known_again
from service.reconcile.rulebook import NAMED_TARGET, Decision
from service.tracking.idempotency import Met
from service.tracking.lifecycle import LIVE
from service.tracking.store import Outcome

log = structlog.stdlib.get_logger("service.request")

MADE, SEEN_BEFORE, BEING_FINISHED = 201, 200, 202
PRINT = 32  # hexadecimal digits of a body's fingerprint that are kept with its key; once it was all 64
IN_HAND_S = 60.0  # a key without a record is in somebody's hands for so long, and then forgotten
LOST_AFTER_S = 15.0  # a web process that has not finished by then has died; the reconciler takes over
_STORE_RESERVE_S = 1.0
_WRITTEN_S = 2.0  # between key and record lie a few round trips to the store
_POLL_S = 0.05
_TO_MAKE = 0.4  # of a request's time is kept for the call that makes the invite
_TO_SEND_S = _STORE_RESERVE_S + 1.0  # what is left to make the call once a closing is over
_CLOSED_BY_S = 2.0  # so long a request waits for the end of a closing that is under way


def take(desk: Desk, request: RoutingRequest, *, caller: Caller, spent_s: float = 0.0) -> tuple[Invite, int]:
    """The invite for a request and the HTTP status that says what was done.

    ``caller`` is whose idempotency keys are meant; ``spent_s`` for how long the request has been here. Raises
    InvalidFieldsError, ConflictError (same key, other body), ForbiddenError (an agent who does not attend),
    TwilioRefusedError, TwilioUnavailableError (before anything was stored), ClosingError or StoreUnavailableError.
    """
    deadline = time.monotonic() + desk.seconds_left(spent_s)
    with _reading(desk, deadline):
        asked = with_carried(desk.parts, request)  # the key and the fingerprint are those of the bare request
        decision = fitting_decision(desk.book, asked)
    invite = replace(_drafted(asked, decision, _named_place(desk, request)), asked_by=caller.id)
    key, fingerprint = _key(request, _thread(invite), caller.id), _print(_canonical(request, invite))
    value = f"{invite.id}|{fingerprint}"
    for turn in range(4):
        met = desk.parts.keys.remember_at(key.name, value, keep_s=desk.key_s, sid=_thread(invite))
        held, invite = met.held, _placed(invite, met)
        if held == value and turn == 0 and met.invites:
            named = _held_by_channel(desk, request, invite, caller)
            if named is not None:
                desk.parts.keys.rebind(key.name, seen=value, value=named, keep_s=desk.key_s)
                continue
        if held == value:
            _check_new(desk, caller, invite, _Held(key, value), deadline)
            known = known_again(desk.parts.store, invite.kind, _thread(invite)) if met.invites else None
            if known is not None:  # the key that has led to it is forgotten: this may be the same request
                desk.parts.keys.rebind(key.name, seen=value, value=f"{known.id}|{fingerprint}", keep_s=desk.key_s)
                return known, SEEN_BEFORE
            return _make(desk, invite, deadline)
        held_id, held_print = held.split("|", 1)
        earlier = desk.parts.store.get(held_id)
        same_body = held_print[:PRINT] in (fingerprint, *_other_prints(request, invite))
        in_hand = earlier is None and desk.parts.keys.age_s(key.name, keep_s=desk.key_s) < IN_HAND_S
        if in_hand and same_body and not _appears(desk, held_id):
            check_attends(desk, caller, _place(invite), request.origin)
            return _make(desk, replace(invite, id=held_id), deadline)  # its taker died before the record, or is slow
        if in_hand and not same_body:
            raise ConflictError("another request for the same conversation is being made; try again", retry_after_s=2)
        if in_hand or (earlier is not None and not _over(desk, key, earlier, same_body=same_body)):
            return _repeated(desk, held_id, same_body=same_body, deadline=deadline)
        desk.parts.keys.rebind(key.name, seen=held, value=value, keep_s=desk.key_s)
    raise ConflictError("this request is being made by somebody else; try again", retry_after_s=1)


def _reading(desk: Desk, deadline: float) -> AbstractContextManager[None]:
    """Around what is read before the call is made: each read has a limit of its own, and together they add up."""
    return budget(max(0.1, deadline - time.monotonic() - _TO_MAKE * desk.request_budget_s))


def _appears(desk: Desk, invite_id: str) -> bool:
    """True once the record is there: whoever has the key is nearly always just about to write it."""
    deadline = time.monotonic() + _WRITTEN_S
    with desk.hand() as free:
        while free and time.monotonic() < deadline:
            if desk.parts.store.get(invite_id) is not None:
                return True
            time.sleep(_POLL_S)
    return False


def _thread(invite: Invite) -> str:
    return invite.conversation_sid or invite.channel_sid or ""


def _named_place(desk: Desk, request: RoutingRequest) -> Place:
    """Where it plays, as far as that is needed to know a repetition: what a conversation has is asked with its key."""
    if request.channel_sid is None:
        return Place(request.conversation_sid, request.interaction_sid)
    return place_of(desk.parts.store, request)


def _placed(invite: Invite, met: Met) -> Invite:
    if invite.channel_sid is not None or met.thread is None:
        return invite
    interaction, channel = met.thread
    return replace(invite, interaction_sid=interaction, channel_sid=channel)


def _drafted(request: RoutingRequest, decision: Decision, place: Place) -> Invite:
    conversation, interaction, channel = place.conversation_sid, place.interaction_sid, place.channel_sid
    return draft(request, decision, conversation=conversation, interaction=interaction, channel=channel)


@dataclass(frozen=True)
class _Key:
    """What makes two deliveries the same request. ``lasting``: it outlives the invite it was first used for."""

    name: str
    lasting: bool


@dataclass(frozen=True)
class _Held:
    """A key that we have bound, and what to."""

    key: _Key
    value: str


def _key(request: RoutingRequest, thread: str, caller: str) -> _Key:
    """The caller's key, else the Studio execution, else the thread for as long as its invite is open."""
    if request.idempotency_key:
        name = "given:" + sha256(f"{caller}\n{request.idempotency_key}".encode()).hexdigest()
        return _Key(name, lasting=True)
    name = f"derived:{request.kind}:{request.execution_sid or '-'}:{thread}"
    return _Key(name, lasting=request.execution_sid is not None)


def _held_by_channel(desk: Desk, request: RoutingRequest, invite: Invite, caller: Caller) -> str | None:
    """What the same request's key holds under the channel's name: it was asked before the conversation was known."""
    if request.idempotency_key or invite.conversation_sid is None or invite.channel_sid is None:
        return None
    name = _key(request, invite.channel_sid, caller.id).name
    held = desk.parts.keys.held(name)
    if held is None or desk.parts.store.get(held.split("|", 1)[0]) is not None:
        return held
    return held if desk.parts.keys.age_s(name, keep_s=desk.key_s) < IN_HAND_S else None


def _print(request: RoutingRequest) -> str:
    return body_fingerprint(request)[:PRINT]


def _other_prints(request: RoutingRequest, invite: Invite) -> tuple[str, str]:
    """The fingerprints of the same body from before the conversation, which names it now, was known."""
    by_channel = replace(
        request,
        conversation_sid=None,
        interaction_sid=invite.interaction_sid,
        channel_sid=invite.channel_sid,
    )
    return _print(request), _print(by_channel)


def _check_new(desk: Desk, caller: Caller, invite: Invite, held: _Held, deadline: float) -> None:
    """Asked only of what is new: an agent who repeats a transfer may have been let go by the first one.

    The key of what is refused is freed again.
    """
    try:
        with _reading(desk, deadline):
            check_attends(desk, caller, _place(invite), invite.request.origin)
            _refuse_present_worker(desk, invite)
    except RouterError:
        desk.parts.keys.rebind(held.key.name, seen=held.value, value=held.value, keep_s=1)
        raise


def _place(invite: Invite) -> Place:
    return Place(invite.conversation_sid, invite.interaction_sid, invite.channel_sid)


def _refuse_present_worker(desk: Desk, invite: Invite) -> None:
    """A worker who is on the conversation already cannot be asked onto it by name; rules pass over them."""
    route = invite.route
    if invite.plan.rule != NAMED_TARGET or route is None or route.worker_sid is None:
        return
    if route.worker_sid in workers_present(desk.parts, _place(invite)):
        fault = FieldError("to.worker", "is on this conversation already")
        raise InvalidFieldsError("to.worker cannot be used", errors=(fault,))


def _canonical(request: RoutingRequest, invite: Invite) -> RoutingRequest:
    """The request with its thread named in one way, however the caller has named it."""
    if invite.conversation_sid is None:
        return request
    return replace(request, conversation_sid=invite.conversation_sid, interaction_sid=None, channel_sid=None)


def _over(desk: Desk, key: _Key, earlier: Invite, *, same_body: bool) -> bool:
    """True if the key is free again: its invite came to nothing, or the key does not outlive it and it is over.

    Whoever has been accepted may transfer on: to them, another body is a new request.
    """
    if earlier.state is State.FAILED:
        return True
    while earlier.state is State.SUPERSEDED and earlier.successor:
        heir = desk.parts.store.get(earlier.successor)
        if heir is None:
            break
        earlier = heir
    if key.lasting:
        return False
    return earlier.state not in LIVE or (earlier.state is State.ACCEPTED and not same_body)


def _repeated(desk: Desk, invite_id: str, *, same_body: bool, deadline: float) -> tuple[Invite, int]:
    """Answer a repetition with the first one's invite, once that is made or the time is up."""
    if not same_body:
        raise ConflictError(f"the same key or conversation has an open request with another body: {invite_id}")
    with desk.hand() as free:
        while True:
            earlier = desk.parts.store.get(invite_id)
            if earlier is not None and earlier.state is not State.REQUESTED:
                return earlier, SEEN_BEFORE
            if not free or time.monotonic() + _STORE_RESERVE_S > deadline:
                break
            time.sleep(_POLL_S)
    if earlier is None:
        raise ConflictError("the same request is being made; try again", retry_after_s=1)
    return earlier, BEING_FINISHED


def _make(desk: Desk, invite: Invite, deadline: float) -> tuple[Invite, int]:
    with desk.hand() as free:
        written = _write(desk, invite, begun=free, until=min(time.monotonic() + _CLOSED_BY_S, deadline - _TO_SEND_S))
        if written.state is State.REQUESTED:
            waiting = replace(invite, created_at_ms=written.now_ms), BEING_FINISHED
            if not free:  # threads must be left for events: the reconciler makes it, as soon as it can
                return waiting
            try:
                sent, made = _send(desk, invite, written, deadline)
            except TwilioRefusedError:
                record.request_taken(invite.kind, invite.plan.rule, "refused")
                raise
            except StoreUnavailableError:
                # The intent is stored; what is missing, the reconciler adds. A 503 would make the caller go elsewhere.
                return waiting
    if written.state is not State.REQUESTED:
        return _repeated(desk, invite.id, same_body=True, deadline=deadline)
    if made is None:
        return _without_record(invite, sent, written.now_ms)
    if made.state is State.FAILED:  # another process has made the call that was refused
        record.request_taken(invite.kind, invite.plan.rule, "refused")
        raise TwilioRefusedError(made.reason or "refused")
    if made.state is State.REQUESTED and not written.moved:
        return _repeated(desk, invite.id, same_body=True, deadline=deadline)
    if made.state is State.REQUESTED:
        return made, BEING_FINISHED
    return made, MADE if written.moved else SEEN_BEFORE  # whoever wrote the record has made it: one of several at once


def _write(desk: Desk, invite: Invite, *, begun: bool, until: float) -> Outcome:
    """Write the record: with its first attempt begun by us, or due at once for the reconciler.

    What is being closed is waited for, if a thread is free for that: then Twilio says whether the conversation can go
    on. Raises ClosingError if it takes longer.
    """
    first, due_s = (replace(invite, attempt=1), LOST_AFTER_S) if begun else (invite, 0.0)
    while True:
        try:
            written = desk.parts.store.create(first, due_in_s=due_s)
            break
        except ClosingError:
            if not begun or time.monotonic() > until:
                raise
            time.sleep(_POLL_S)
    if written.moved:
        log.info("request.taken", invite=invite.id, kind=invite.kind, rule=invite.plan.rule, by=invite.asked_by)
    return written


def _send(desk: Desk, invite: Invite, written: Outcome, deadline: float) -> tuple[Sent | None, Invite | None]:
    """What was made, and the record as it is then."""
    if written.moved:
        invite = replace(invite, created_at_ms=written.now_ms)
    with budget(max(0.1, deadline - time.monotonic() - _STORE_RESERVE_S)):
        # if another process has the same record in hand, only one of us gets to make the call
        sent = send(desk.parts, invite, now_ms=written.now_ms, told=True, begun=written.moved)
    made = sent.record if sent else None
    if made is None or not written.moved:  # of a record that others have written we know too little
        made = desk.parts.store.get(invite.id)
    return sent, made


def _without_record(invite: Invite, sent: Sent | None, now_ms: int) -> tuple[Invite, int]:
    """The store was emptied under us. If the task was made, its attributes will bring the record back."""
    if sent is None:
        raise StoreUnavailableError("the store has lost the request", retry_after_s=1)
    known = {"state": State.PENDING, "created_at_ms": now_ms, **sids_of(invite, sent.made)}
    return replace(invite, **known), MADE  # type: ignore[arg-type]  # the fields are those of an invite
