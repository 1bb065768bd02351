"""Take one routing request: recognise a repetition, write the intent, make the invite, answer in time. No Flask."""

import time
from dataclasses import dataclass, replace
from hashlib import sha256

import structlog

from service.errors import ConflictError, FieldError, InvalidFieldsError, StoreUnavailableError, TwilioRefusedError
from service.flex.attributes import MOST_CHARACTERS, characters, task_attributes
from service.flex.gateway import Made
from service.flex.http import budget
from service.intake.desk import Desk
from service.intake.payloads import body_fingerprint
from service.model import Invite, RoutingRequest, State
from service.reconcile.fulfil import send, sids_of
from service.reconcile.rulebook import Decision
from service.rules.resolve import Directory
from service.tracking.lifecycle import LIVE
from service.tracking.records import new_invite_id

log = structlog.stdlib.get_logger("service.request")

MADE, SEEN_BEFORE, BEING_FINISHED = 201, 200, 202
LONGEST_TASK_S = 15 * 86_400  # a task may wait for 14 days ("TaskRouter resource limits")
IN_HAND_S = 60.0  # a key without a record is in somebody's hands for so long, and then forgotten
LOST_AFTER_S = 15.0  # a web process that has not finished by then has died; the reconciler takes over
_STORE_RESERVE_S = 1.0
_POLL_S = 0.05
_TASK_CHANNELS = {"email": "email", "voice": "voice"}


def take(desk: Desk, request: RoutingRequest, *, caller: str) -> tuple[Invite, int]:
    """The invite for a request and the HTTP status that says what was done.

    ``caller`` is whose idempotency keys are meant. Raises InvalidFieldsError, ConflictError (same key, other body),
    TwilioRefusedError, TwilioUnavailableError (before anything was stored) or StoreUnavailableError.
    """
    deadline = time.monotonic() + desk.request_budget_s
    decision = fitting_decision(desk, request)
    invite = _draft(request, decision, *_thread(desk, request))
    key, fingerprint = _key(desk, request, invite, caller), body_fingerprint(_canonical(request, invite))
    value = f"{invite.id}|{fingerprint}"
    for _ in range(3):
        held = desk.parts.keys.remember(key.name, value, keep_s=key.keep_s)
        if held == value:
            return _make(desk, invite, deadline)
        held_id, held_print = held.split("|", 1)
        earlier = desk.parts.store.get(held_id)
        same_body = held_print == fingerprint
        in_hand = earlier is None and desk.parts.keys.age_s(key.name, keep_s=key.keep_s) < IN_HAND_S
        if in_hand and same_body:
            return _make(desk, replace(invite, id=held_id), deadline)  # its taker died before the record, or is slow
        if in_hand or (earlier is not None and not _over(desk, key, earlier, same_body=same_body)):
            return _repeated(desk, held_id, same_body=same_body, deadline=deadline)
        desk.parts.keys.rebind(key.name, seen=held, value=value, keep_s=key.keep_s)
    raise ConflictError("this request is being made by somebody else; try again", retry_after_s=1)


def fitting_decision(desk: Desk, request: RoutingRequest, *, explained: bool = False) -> Decision:
    """The decision, with task channels. Raises InvalidFieldsError if a step's attributes do not fit a task."""
    directory = desk.book.names.fresh()
    decision = desk.book.decide(request, explained=explained)
    steps = tuple(
        step if step.task_channel else replace(step, task_channel=_task_channel(request, directory))
        for step in decision.plan.steps
    )
    decision = replace(decision, plan=replace(decision.plan, steps=steps))
    draft = _draft(request, decision, None, None, None)
    longest = max((characters(task_attributes(draft, step)) for step in steps), default=0)
    if longest > MOST_CHARACTERS:
        fault = FieldError("attributes", _too_long(longest))
        raise InvalidFieldsError("The task's attributes are too large", errors=(fault,))
    return decision


def _too_long(found: int) -> str:
    return f"with those of the rule they make {found} characters of JSON; TaskRouter allows {MOST_CHARACTERS}"


def _task_channel(request: RoutingRequest, directory: Directory) -> str | None:
    """Flex shows messaging tasks on ``chat``; a workspace without such a channel is left to Twilio's default."""
    wanted = _TASK_CHANNELS.get(request.channel_type or "", "chat")
    return wanted if wanted in (directory.task_channels or {}) else None


def _thread(desk: Desk, request: RoutingRequest) -> tuple[str | None, str | None, str | None]:
    """Conversation, interaction and channel: those of the request, and what we know of them beyond it."""
    conversation_sid, channel_sid = request.conversation_sid, request.channel_sid
    if conversation_sid is None and channel_sid is not None:
        return desk.parts.store.conversation_of(channel_sid), request.interaction_sid, channel_sid
    if conversation_sid is not None and channel_sid is None:
        return conversation_sid, *(desk.parts.store.thread_of(conversation_sid) or (None, None))
    return conversation_sid, request.interaction_sid, channel_sid


def _draft(
    request: RoutingRequest, decision: Decision, conversation: str | None, interaction: str | None, channel: str | None
) -> Invite:
    return Invite(
        id=new_invite_id(conversation or channel or ""),
        kind=request.kind,
        state=State.REQUESTED,
        created_at_ms=0,
        request=request,
        plan=decision.plan,
        step=decision.step,
        interaction_sid=interaction,
        channel_sid=channel,
        conversation_sid=conversation,
    )


@dataclass(frozen=True)
class _Key:
    """What makes two deliveries the same request. ``lasting``: it outlives the invite it was first used for."""

    name: str
    keep_s: int
    lasting: bool


def _key(desk: Desk, request: RoutingRequest, invite: Invite, caller: str) -> _Key:
    """The caller's key, else the Studio execution, else the thread for as long as its invite is open."""
    if request.idempotency_key:
        name = "given:" + sha256(f"{caller}\n{request.idempotency_key}".encode()).hexdigest()
        return _Key(name, desk.keep_s, lasting=True)
    thread = invite.conversation_sid or invite.channel_sid
    name = f"derived:{request.kind}:{request.execution_sid or '-'}:{thread}"
    return _Key(name, max(desk.keep_s, LONGEST_TASK_S), lasting=request.execution_sid is not None)


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
    store = desk.parts.store
    written = store.create(invite, due_in_s=LOST_AFTER_S)
    if written.moved:
        log.info("request.taken", invite=invite.id, kind=invite.kind, rule=invite.plan.rule)
    elif written.state is not State.REQUESTED:
        return _repeated(desk, invite.id, same_body=True, deadline=deadline)
    try:
        with desk.hand() as free:
            if not free:  # threads must be left for events: the reconciler makes it, as soon as it can
                store.touch(invite.id, State.REQUESTED, due=0)
                return replace(invite, created_at_ms=written.now_ms), BEING_FINISHED
            with budget(max(0.1, deadline - time.monotonic() - _STORE_RESERVE_S)):
                # if another process has the same record in hand, only one of us gets to make the call
                answer = send(desk.parts, invite, now_ms=written.now_ms, told=True)
        made = store.get(invite.id)
    except StoreUnavailableError:
        # The intent is stored; what is missing, the reconciler adds. A 503 would make the caller go elsewhere.
        return replace(invite, created_at_ms=written.now_ms), BEING_FINISHED
    if made is None:
        return _without_record(invite, answer, written.now_ms)
    if made.state is State.FAILED:
        raise TwilioRefusedError(made.reason or "refused", twilio_status=400)
    if made.state is State.REQUESTED and not written.moved:
        return _repeated(desk, invite.id, same_body=True, deadline=deadline)
    return made, BEING_FINISHED if made.state is State.REQUESTED else MADE


def _without_record(invite: Invite, answer: Made | None, now_ms: int) -> tuple[Invite, int]:
    """The store was emptied under us. If the task was made, its attributes will bring the record back."""
    if answer is None:
        raise StoreUnavailableError("the store has lost the request", retry_after_s=1)
    known = {"state": State.PENDING, "created_at_ms": now_ms, **sids_of(invite, answer)}
    return replace(invite, **known), MADE  # type: ignore[arg-type]  # the fields are those of an invite
