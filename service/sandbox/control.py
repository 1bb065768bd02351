"""The control plane, ``/sandbox/v1``: customers who write, time, the judge, and what happened.

JSON in and out; a field that is not known is refused by name. Agents are in ``control_agents``, faults and switches in
``control_faults``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps

from flask import Blueprint, Response, jsonify, request

from service.sandbox.acts import customer_writes
from service.sandbox.attendance import attendance_report
from service.sandbox.clock import iso_ms
from service.sandbox.customers import CHANNEL_TYPES, Arrival, customer_arrives
from service.sandbox.delivery import Delivery
from service.sandbox.faults import Faults, flag, number
from service.sandbox.journal import Journal
from service.sandbox.judge import is_orphaned, verdict
from service.sandbox.refusals import ControlRefused
from service.sandbox.report import conversation_report, info_report
from service.sandbox.state import Conversation
from service.sandbox.world import World

FURTHEST_S = 5_000_000.0
DELIVERY_WAIT_S = 5.0


@dataclass(frozen=True)
class Rig:
    """What the control plane controls. ``service_api_key`` is only handed on."""

    world: World
    faults: Faults
    delivery: Delivery
    journal: Journal
    service_api_key: str | None
    start_anew: Callable[[], None]


def control_routes(rig: Rig) -> Blueprint:
    """Customers, time and looking."""
    routes = Blueprint("control", __name__, url_prefix="/sandbox/v1")
    _customers(routes, rig)
    _time(routes, rig)
    _looking(routes, rig)
    return routes


def _customers(routes: Blueprint, rig: Rig) -> None:
    world = rig.world

    @routes.post("/conversations")
    @in_turn(rig)
    def arrive() -> Response:
        wanted = body_of("channel_type", "address", "body", "interaction", "to")
        kind = wanted.get("channel_type", "web")
        if kind not in CHANNEL_TYPES:
            raise ControlRefused(f"must be one of {', '.join(CHANNEL_TYPES)}", field="channel_type")
        arrival = Arrival(str(kind), text_in(wanted, "address"), text_in(wanted, "to"), text_in(wanted, "body"))
        made = customer_arrives(world, arrival, interaction=flag(wanted, "interaction"))
        return said({name: sid for name, sid in made.items() if sid}, 201)

    @routes.post("/conversations/<sid>/messages")
    @in_turn(rig)
    def write(sid: str) -> Response:
        wanted = body_of("body")
        text = text_in(wanted, "body")
        if not text:
            raise ControlRefused("is required", field="body")
        conversation = _conversation(world, sid)
        if conversation.state == "closed":
            raise ControlRefused(f"conversation {sid} is closed", status=409)
        return said({"message_sid": customer_writes(world, conversation, text).sid}, 201)


def _time(routes: Blueprint, rig: Rig) -> None:
    world = rig.world

    @routes.post("/clock")
    def advance() -> Response:
        wanted = body_of("advance_s", "wait")
        seconds = number(wanted, "advance_s", FURTHEST_S)
        with world.turn():
            world.clock.advance(seconds)
        if "wait" not in wanted or flag(wanted, "wait"):
            rig.delivery.wait_idle(DELIVERY_WAIT_S)
        return said(_now(world))

    @routes.get("/clock")
    def tell() -> Response:
        return said(_now(world))


def _looking(routes: Blueprint, rig: Rig) -> None:
    world = rig.world

    @routes.get("/info")
    @in_turn(rig)
    def info() -> Response:
        return said({**info_report(world), "service_api_key": rig.service_api_key})

    @routes.get("/conversations")
    @in_turn(rig)
    def conversations() -> Response:
        return said({"conversations": [_brief(world, one) for one in world.conversations.values()]})

    @routes.get("/conversations/<sid>")
    @in_turn(rig)
    def conversation(sid: str) -> Response:
        return said(conversation_report(world, _conversation(world, sid)))

    @routes.get("/conversations/<sid>/attendance")
    @in_turn(rig)
    def attendance(sid: str) -> Response:
        return said(attendance_report(world, _conversation(world, sid)))

    @routes.get("/judge")
    @in_turn(rig)
    def judge() -> Response:
        return said(verdict(world))

    @routes.get("/log")
    def log() -> Response:
        unknown = next((name for name in request.args if name not in ("after", "kind", "match")), None)
        if unknown:
            raise ControlRefused("unknown parameter; known are after, kind, match", field=unknown)
        after = request.args.get("after", "0")
        if not after.isdigit():
            raise ControlRefused("must be a number", field="after")
        kind, match = request.args.get("kind"), request.args.get("match")
        return said({"entries": rig.journal.read(after=int(after), kind=kind, match=match)})


def in_turn(rig: Rig) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """The view has the world to itself."""

    def wrapped(view: Callable[..., Response]) -> Callable[..., Response]:
        @wraps(view)
        def run(*args: str, **kwargs: str) -> Response:
            with rig.world.turn():
                return view(*args, **kwargs)

        return run

    return wrapped


def body_of(*names: str) -> Mapping[str, object]:
    """The JSON object that was sent; nothing is an empty one. Raises ControlRefused for a field that is not known."""
    if not request.get_data():
        return {}
    parsed = request.get_json(force=True, silent=True)
    if not isinstance(parsed, dict):
        raise ControlRefused("the body must be a JSON object")
    if names:
        known_fields(parsed, names)
    return parsed


def known_fields(wanted: Mapping[str, object], names: tuple[str, ...]) -> None:
    """Raises ControlRefused for the first field that is not among them."""
    for name in wanted:
        if name not in names:
            raise ControlRefused(f"unknown field; known are {', '.join(names)}", field=name)


def text_in(wanted: Mapping[str, object], name: str) -> str | None:
    """A text, or None. Raises ControlRefused."""
    value = wanted.get(name)
    if value is not None and not isinstance(value, str):
        raise ControlRefused("must be a text", field=name)
    return value or None


def said(body: Mapping[str, object], status: int = 200) -> Response:
    """A JSON answer."""
    response = jsonify(body)
    response.status_code = status
    return response


def _now(world: World) -> dict[str, object]:
    return {"now": iso_ms(world.now()), "now_epoch_ms": int(world.now() * 1000)}


def _brief(world: World, conversation: Conversation) -> dict[str, object]:
    return {
        "conversation_sid": conversation.sid,
        "state": conversation.state,
        "channel_type": conversation.channel_type,
        "orphaned": is_orphaned(world, conversation),
    }


def _conversation(world: World, sid: str) -> Conversation:
    if sid not in world.conversations:
        raise ControlRefused(f"there is no conversation {sid}", status=404)
    return world.conversations[sid]
