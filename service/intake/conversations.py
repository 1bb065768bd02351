"""The addresses of one conversation and what is done on it: errands, its timeline, and what became of a transfer."""

from collections.abc import Callable

from flask import Blueprint, Response, jsonify, request

from service.errors import ConflictError, NotFoundError
from service.intake.callers import Caller
from service.intake.desk import Desk
from service.intake.door import REQUEST_BYTES, Door, one_of_ours, read_body
from service.intake.errands import Named, take_errand, wake_parked
from service.intake.payloads_errands import parse_errand_request
from service.intake.timeline import live_view, thread_of, timeline_view
from service.intake.transfers import transfer_view
from service.intake.views import errand_view, told_view
from service.intake.watch import spent_s
from service.model import Errand, ErrandKind, ErrandState, Kind, is_sid
from service.tracking.errand_records import is_errand_id
from service.tracking.records import is_invite_id

ACT, READ = "conversations:act", "conversations:read"
DONE, UNDER_WAY = 200, 202

_UNKNOWN = (
    "no interaction of this conversation is known: it has not been through Flex, or nothing was heard of it for a month"
)


def conversations(desk: Desk, door: Door) -> Blueprint:
    """The blueprint of the conversations' addresses."""
    blue = Blueprint("conversations", __name__)
    for kind in ErrandKind:
        blue.add_url_rule(f"/v1/conversations/<sid>/{kind}", kind, _act(desk, door, kind), methods=["POST"])

    @blue.post("/v1/conversations/<sid>/wake")
    def wake(sid: str) -> tuple[Response, int]:
        body = read_body(request, most=REQUEST_BYTES)
        named = _named(desk, sid, door.admit_key(request, ACT))
        wanted = parse_errand_request(
            None, request.content_type, body, idempotency_header=request.headers.get("Idempotency-Key")
        )
        errand = wake_parked(desk, wanted, named, spent_s=spent_s())
        return jsonify(errand_view(errand)), DONE if errand.state is ErrandState.DONE else UNDER_WAY

    @blue.get("/v1/conversations/<sid>")
    def timeline(sid: str) -> Response:
        door.admit_key(request, READ)
        one_of_ours({"live"}, request.args.to_dict())
        found = timeline_view(desk.parts, sid) if is_sid(sid, "CH") else None
        if found is None:
            raise NotFoundError(_UNKNOWN)
        live = live_view(desk, sid) if request.args.get("live") in ("1", "true") else {}
        return jsonify(found | live)

    @blue.get("/v1/errands/<errand_id>")
    def errand(errand_id: str) -> Response:
        door.admit_key(request, READ)
        found = desk.parts.errands.get(errand_id) if is_errand_id(errand_id) else None
        if found is None:
            raise NotFoundError("there is no errand of this id, or it ended too long ago")
        return jsonify(told_view(errand_view(found), found.history))

    @blue.get("/v1/transfers/<invite_id>")
    def transfer(invite_id: str) -> Response:
        door.admit_key(request, "invites:read")
        found = desk.parts.store.get(invite_id) if is_invite_id(invite_id) else None
        if found is None or found.kind is not Kind.TRANSFER:
            raise NotFoundError("there is no transfer of this id, or it ended too long ago")
        return jsonify(transfer_view(desk.parts.store, found))

    return blue


def _act(desk: Desk, door: Door, kind: ErrandKind) -> Callable[[str], tuple[Response, int]]:
    def answer(sid: str) -> tuple[Response, int]:
        body = read_body(request, most=REQUEST_BYTES)
        caller = door.admit_key(request, ACT)
        wanted = parse_errand_request(
            kind, request.content_type, body, idempotency_header=request.headers.get("Idempotency-Key")
        )
        errand = take_errand(desk, wanted, _named(desk, sid, caller), spent_s=spent_s())
        return jsonify(errand_view(_unless_refused(errand))), UNDER_WAY if errand.state is ErrandState.TAKEN else DONE

    return answer


def _unless_refused(errand: Errand) -> Errand:
    if errand.state is ErrandState.REFUSED:
        raise ConflictError(errand.reason or "this cannot be done as things are")
    return errand


def _named(desk: Desk, sid: str, caller: Caller) -> Named:
    if not is_sid(sid, "CH"):
        raise NotFoundError("a conversation is named by its SID: CH and 32 hexadecimal digits")
    thread = thread_of(desk.parts, sid)
    if thread is None:
        raise NotFoundError(_UNKNOWN)
    return Named(sid, *thread, caller)
