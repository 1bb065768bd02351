"""Take one errand: recognise a repetition, write the intent, work on it for as long as the caller waits. No Flask."""

import time
from dataclasses import dataclass, replace
from hashlib import sha256

import structlog

from service.errors import (
    ConflictError,
    FieldError,
    ForbiddenError,
    InvalidFieldsError,
    RouterError,
    StoreUnavailableError,
)
from service.flex.http import budget
from service.intake.callers import Caller
from service.intake.desk import Desk
from service.intake.payloads_errands import ErrandRequest, ask_fingerprint, wake_faults
from service.intake.permits import check_attends, own_origin
from service.intake.requests import IN_HAND_S, LOST_AFTER_S
from service.model import Ask, Errand, ErrandKind, ErrandState
from service.reconcile.attended import Place
from service.reconcile.errands.work import wake, work_errand
from service.tracking.errand_records import new_errand_id

log = structlog.stdlib.get_logger("service.request")

_STORE_RESERVE_S = 1.0
_POLL_S = 0.1
_AGAIN_S = 2.0  # after this the reconciler takes up what Twilio would not do now


@dataclass(frozen=True)
class Named:
    """A conversation that Flex knows, and who asks something of it."""

    conversation_sid: str
    interaction_sid: str
    channel_sid: str
    caller: Caller

    @property
    def place(self) -> Place:
        """Where that is."""
        return Place(self.conversation_sid, self.interaction_sid, self.channel_sid)


def take_errand(desk: Desk, wanted: ErrandRequest, named: Named, *, spent_s: float = 0.0) -> Errand:
    """The errand for a request, as it stands when it is done or the time is up.

    ``spent_s``: for how long the request has been here. Raises InvalidFieldsError, ForbiddenError (an agent who does
    not attend), ConflictError (same key, other body), a Twilio fault that no repetition mends, or
    StoreUnavailableError.
    """
    deadline = time.monotonic() + desk.seconds_left(spent_s)
    errand = _draft(desk, wanted, named)
    key, fingerprint = _key(wanted, errand), ask_fingerprint(replace(wanted, ask=errand.ask), named.conversation_sid)
    value = f"{errand.id}|{fingerprint}"
    for _ in range(3):
        held = desk.parts.keys.remember(key, value, keep_s=desk.key_s)
        held_id, held_print = held.split("|", 1)
        earlier = desk.parts.errands.get(held_id)
        fresh = earlier is None and desk.parts.keys.age_s(key, keep_s=desk.key_s) < IN_HAND_S
        if fresh and held_print == fingerprint:  # ours, or its taker died before the record, or is slow
            _check_attends(desk, errand, named, key, held)
            return _begun(desk, replace(errand, id=held_id), deadline)
        lasts = wanted.idempotency_key is not None
        if fresh or (earlier is not None and (lasts or earlier.state is ErrandState.TAKEN)):
            if held_print != fingerprint:
                raise ConflictError(f"the same key or agent has an errand with another body: {held_id}")
            return _followed(desk, earlier or errand, deadline)
        desk.parts.keys.rebind(key, seen=held, value=value, keep_s=desk.key_s)
    raise ConflictError("this errand is being taken by somebody else; try again", retry_after_s=1)


def wake_parked(desk: Desk, wanted: ErrandRequest, named: Named, *, spent_s: float = 0.0) -> Errand:
    """The newest parked errand of a conversation, marked for waking and brought one step further.

    One that is being woken already counts; to a repetition with its key, one that has been woken, too. ``spent_s``: for
    how long the request has been here. Raises ConflictError (not parked) or ForbiddenError (an agent who has not parked
    it).
    """
    deadline = time.monotonic() + desk.seconds_left(spent_s)
    parks = [one for one in desk.parts.errands.of_anchor(named.conversation_sid) if one.kind is ErrandKind.PARK]
    resting = [one for one in parks if one.state in (ErrandState.PARKED, ErrandState.WAKING)]
    errand = next(reversed(resting), None)  # a later park may have been refused
    if wanted.idempotency_key:
        errand = _of_key(desk, wanted, errand, named)
    by_key = errand is not None and wanted.idempotency_key is not None and errand.outcome == "woken"
    if errand is None or not (by_key or errand.state in (ErrandState.PARKED, ErrandState.WAKING)):
        raise ConflictError("this conversation is not parked")
    if named.caller.bound and errand.worker_sid != named.caller.worker_sid:
        raise ForbiddenError("agents may wake only what they have parked")
    if wake(desk.parts, errand, by="app"):
        log.info("request.woken", errand=errand.id, by=named.caller.id)
    if errand.state is ErrandState.DONE:
        return errand
    return _worked(desk, replace(errand, state=ErrandState.WAKING), deadline)


def _of_key(desk: Desk, wanted: ErrandRequest, errand: Errand | None, named: Named) -> Errand | None:
    """The errand that the caller's key was first used for; this one if it is new. What is not parked binds no key."""
    fingerprint = ask_fingerprint(wanted, named.conversation_sid)
    key = _given_key(str(wanted.idempotency_key), named.caller.id)
    if errand is None:
        held = desk.parts.keys.held(key)
    else:
        held = desk.parts.keys.remember(key, f"{errand.id}|{fingerprint}", keep_s=desk.key_s)
    if held is None:
        return None
    held_id, held_print = held.split("|", 1)
    if held_print != fingerprint:
        raise ConflictError(f"the same key has an errand with another body: {held_id}")
    return desk.parts.errands.get(held_id)


def _draft(desk: Desk, wanted: ErrandRequest, named: Named) -> Errand:
    assert wanted.kind is not None
    ask = _complete(wanted.kind, wanted.ask, named.caller)
    channel_type = wanted.channel_type or _known_type(desk, named)
    faults = tuple(wake_faults(ask.wake_after_s, channel_type))
    if faults:
        raise InvalidFieldsError("wake_after_s is too long", errors=faults)
    return Errand(
        id=new_errand_id(named.channel_sid),
        kind=wanted.kind,
        state=ErrandState.TAKEN,
        created_at_ms=0,
        ask=ask,
        interaction_sid=named.interaction_sid,
        channel_sid=named.channel_sid,
        conversation_sid=named.conversation_sid,
        asked_by=named.caller.id,
        channel_type=channel_type,
    )


def _complete(kind: ErrandKind, ask: Ask, caller: Caller) -> Ask:
    """What is asked, with the Flex user who asks as the one who goes. Raises ForbiddenError, InvalidFieldsError."""
    if kind is ErrandKind.REMOVE and caller.bound:
        raise ForbiddenError("agents may not remove others; this is for supervisors and apps")
    if kind not in (ErrandKind.LEAVE, ErrandKind.PARK):
        return ask
    who = own_origin(caller, ask.who)
    if who is None:
        fault = FieldError("from", "is required: {worker_sid} or {participant_sid} of the agent")
        raise InvalidFieldsError("from is missing", errors=(fault,))
    return replace(ask, who=who)


def _known_type(desk: Desk, named: Named) -> str | None:
    """The medium as the newest request of this conversation has named it."""
    invites = sorted(desk.parts.store.of_anchor(named.conversation_sid), key=lambda one: one.created_at_ms)
    return next((one.request.channel_type for one in reversed(invites) if one.request.channel_type), None)


def _key(wanted: ErrandRequest, errand: Errand) -> str:
    """The caller's key, which lasts; else what is asked of whom, for as long as that is under way."""
    if wanted.idempotency_key:
        return _given_key(wanted.idempotency_key, errand.asked_by or "")
    who = errand.ask.who
    whom = (who.worker_sid or who.participant_sid) if who else "-"
    return f"derived:errand:{errand.kind}:{errand.channel_sid}:{whom}"


def _given_key(key: str, caller: str) -> str:
    return "given:errand:" + sha256(f"{caller}\n{key}".encode()).hexdigest()


def _check_attends(desk: Desk, errand: Errand, named: Named, key: str, held: str) -> None:
    """Asked only of what is new: an agent who repeats ``leave`` has gone by then. The key is freed if it is refused."""
    try:
        check_attends(desk, named.caller, named.place, errand.ask.who)
    except RouterError:
        desk.parts.keys.rebind(key, seen=held, value=held, keep_s=1)
        raise


def _begun(desk: Desk, errand: Errand, deadline: float) -> Errand:
    written = desk.parts.errands.create(errand, due_in_s=LOST_AFTER_S)
    if not written.moved:
        return _followed(desk, errand, deadline)
    log.info("errand.taken", errand=errand.id, kind=errand.kind, channel=errand.channel_sid, by=errand.asked_by)
    return _worked(desk, replace(errand, created_at_ms=written.now_ms), deadline)


def _worked(desk: Desk, errand: Errand, deadline: float) -> Errand:
    """Work on it until it is under way no more or the time is up; whatever is left, the reconciler does."""
    try:
        with desk.hand() as free:
            if not free:  # threads must be left for events
                desk.parts.errands.touch(errand.id, errand.state, due=0)
                return errand
            with budget(max(1.0, deadline - time.monotonic() - _STORE_RESERVE_S)):
                while _step(desk, errand):
                    errand = desk.parts.errands.get(errand.id) or errand
                    if errand.state is not ErrandState.TAKEN or time.monotonic() + _STORE_RESERVE_S > deadline:
                        return errand
                    time.sleep(_POLL_S)
    except StoreUnavailableError as error:  # the intent is stored: a 503 would make the caller ask again
        log.warning("errand.waits", errand=errand.id, why=error.detail)
    return errand


def _step(desk: Desk, errand: Errand) -> bool:
    """One step. False if Twilio will not do it now; raises a fault that no repetition mends."""
    try:
        work_errand(desk.parts, desk.book, errand.id, now_ms=desk.parts.store.now_ms())
    except StoreUnavailableError:
        raise
    except RouterError as error:
        if not error.retryable:
            raise
        wait = max(error.retry_after_s or 0, _AGAIN_S)
        desk.parts.errands.touch(errand.id, errand.state, due=wait)
        log.warning("errand.waits", errand=errand.id, why=error.detail, again_in_s=wait)
        return False
    return True


def _followed(desk: Desk, errand: Errand, deadline: float) -> Errand:
    """The errand of an earlier request, once it is under way no more or the time is up."""
    with desk.hand() as free:
        while errand.state is ErrandState.TAKEN and free and time.monotonic() + _STORE_RESERVE_S < deadline:
            time.sleep(_POLL_S)
            errand = desk.parts.errands.get(errand.id) or errand
    return errand
