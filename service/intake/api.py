"""The addresses that callers use: escalations, transfers, invites, decisions."""

import base64
import binascii
from collections.abc import Callable

import structlog
from flask import Blueprint, Response, jsonify, request

from service.errors import FieldError, ForbiddenError, InvalidFieldsError, NotFoundError
from service.flex.http import budget
from service.intake.conversations import conversations
from service.intake.cors import install_cors
from service.intake.desk import Desk
from service.intake.door import REQUEST_BYTES, Door, one_of_ours, read_body
from service.intake.payloads import parse_decision_request, parse_routing_request
from service.intake.permits import check_cancels, check_place, own_request
from service.intake.requests import take
from service.intake.views import decision_view, invite_view
from service.intake.watch import spent_s
from service.metrics import record
from service.model import Invite, Kind, State
from service.reconcile.attended import with_carried
from service.reconcile.cancel import cancel
from service.reconcile.fitting import fitting_decision
from service.tracing import note
from service.tracking.records import is_invite_id
from service.tracking.store import Filters

log = structlog.stdlib.get_logger("service.request")

OUTCOMES = {201: "made", 200: "seen_before", 202: "being_finished"}
FILTERS = ("state", "kind", "rule", "channel_sid", "conversation_sid")
MOST_LISTED = 40  # an answer stays under the 64 kB that Studio parses
_SCAN = 200  # rows read at a time while a filter is looked for
_MOST_SCANNED = 5000


def api(desk: Desk, door: Door) -> Blueprint:
    """The blueprint of the callers' addresses."""
    blue = Blueprint("api", __name__)
    blue.add_url_rule(
        "/v1/escalations", "escalations", _routing(desk, door, Kind.ESCALATION, "escalate"), methods=["POST"]
    )
    blue.add_url_rule("/v1/transfers", "transfers", _routing(desk, door, Kind.TRANSFER, "transfer"), methods=["POST"])

    @blue.post("/v1/decisions")
    def decisions() -> Response:
        door.admit_key(request, "decide")
        body = read_body(request, most=REQUEST_BYTES)
        wanted = parse_decision_request(request.content_type, body)
        with budget(desk.seconds_left(spent_s())):
            found = fitting_decision(desk.book, with_carried(desk.parts, wanted), explained=True)
        return jsonify(decision_view(wanted.kind, found, [one.to_json() for one in found.trace]))

    @blue.get("/v1/invites")
    def invites() -> Response:
        if door.admit_key(request, "invites:read").bound:
            raise ForbiddenError("agents may read one invite by its id; the list is for supervisors and apps")
        filters, cursor, limit = _listing(request.args.to_dict())
        found, more = page(desk, filters, cursor, limit)
        return jsonify({"invites": [invite_view(one) for one in found], "next_cursor": more})

    @blue.get("/v1/invites/<invite_id>")
    def invite(invite_id: str) -> Response:
        door.admit_key(request, "invites:read")
        return jsonify(invite_view(_existing(desk, invite_id)))

    @blue.post("/v1/invites/<invite_id>/cancel")
    def cancel_invite(invite_id: str) -> Response:
        caller = door.admit_key(request, "invites:cancel")
        found = _existing(desk, invite_id)
        with budget(desk.seconds_left(spent_s())):
            check_cancels(desk, caller, found)
            cancel(desk.parts, found, now_ms=desk.parts.store.now_ms(), by=caller.id)
        log.info("request.canceled", invite=found.id, by=caller.id)
        return jsonify(invite_view(_existing(desk, invite_id)))

    blue.register_blueprint(conversations(desk, door))
    install_cors(blue, door.origins)
    return blue


def _routing(desk: Desk, door: Door, kind: Kind, scope: str) -> Callable[[], tuple[Response, int]]:
    def answer() -> tuple[Response, int]:
        body = read_body(request, most=REQUEST_BYTES)
        caller = door.admit(request, body, scope)
        key = request.headers.get("Idempotency-Key")
        wanted = parse_routing_request(kind, request.content_type, body, idempotency_header=key)
        if kind is Kind.TRANSFER:
            wanted = own_request(caller, wanted)
            check_place(desk, caller, wanted)
        invite, status = take(desk, wanted, caller=caller, spent_s=spent_s())
        note(invite=invite.id)
        record.request_taken(kind, invite.plan.rule, OUTCOMES[status])
        return jsonify(invite_view(invite)), status

    return answer


def _existing(desk: Desk, invite_id: str) -> Invite:
    found = desk.parts.store.get(invite_id) if is_invite_id(invite_id) else None
    if found is None:
        raise NotFoundError("there is no invite of this id, or it ended too long ago")
    return found


def page(desk: Desk, filters: Filters, cursor: tuple[int, str] | None, limit: int) -> tuple[list[Invite], str | None]:
    """At most ``limit`` invites, newest first, and the cursor of the next page (None at the end)."""
    found: list[Invite] = []
    scanned = 0
    while scanned < _MOST_SCANNED:
        rows = desk.parts.store.newest(before=cursor, most=_SCAN)
        invites = {one.id: one for one in desk.parts.store.get_many([row[1] for row in rows])}
        desk.parts.store.forget_listed([row[1] for row in rows if row[1] not in invites])
        for row in rows:
            cursor = row
            if row[1] in invites and filters.match(invites[row[1]]):
                found.append(invites[row[1]])
            if len(found) == limit:
                return found, write_cursor(cursor)
        if len(rows) < _SCAN:
            return found, None
        scanned += len(rows)
    return found, write_cursor(cursor) if cursor else None


def _listing(given: dict[str, str]) -> tuple[Filters, tuple[int, str] | None, int]:
    one_of_ours({*FILTERS, "cursor", "limit"}, given)
    faults = []
    if given.get("state") not in (None, *State):
        faults.append(FieldError("state", f"must be one of: {', '.join(State)}"))
    if given.get("kind") not in (None, *Kind):
        faults.append(FieldError("kind", f"must be one of: {', '.join(Kind)}"))
    limit = given.get("limit", "25")
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= MOST_LISTED):
        faults.append(FieldError("limit", f"must be a whole number from 1 to {MOST_LISTED}"))
    cursor = read_cursor(given["cursor"]) if "cursor" in given else None
    if "cursor" in given and cursor is None:
        faults.append(FieldError("cursor", "must be a next_cursor of an earlier answer"))
    if faults:
        raise InvalidFieldsError("Some query parameters are not valid", errors=tuple(faults))
    return Filters(**{name: given[name] for name in FILTERS if name in given}), cursor, int(limit)


def write_cursor(row: tuple[int, str]) -> str:
    """A place in the listing as an opaque word."""
    return base64.urlsafe_b64encode(f"{row[0]}|{row[1]}".encode()).decode().rstrip("=")


def read_cursor(text: str) -> tuple[int, str] | None:
    """The place that a cursor names; None if it is not one of ours."""
    try:
        at, invite_id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split("|")
        return (int(at), invite_id) if is_invite_id(invite_id) else None
    except (ValueError, binascii.Error):
        return None
