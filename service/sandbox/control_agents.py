"""The control plane's agents: one acts, several act in the same instant, and their Flex tokens."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, Response

from service.sandbox.acts import ACTS, act
from service.sandbox.clock import iso_ms
from service.sandbox.control import Rig, body_of, in_turn, known_fields, said, text_in
from service.sandbox.faults import flag, number
from service.sandbox.refusals import ControlRefused, Refused
from service.sandbox.state import Worker
from service.sandbox.tokens import USUAL_LIFE_S, give_token, take_back
from service.sandbox.world import World

FIELDS = ("task_sid", "on_hold_s")
SET_UP = ("accept", "fail_setup")  # what ``on_hold_s`` says something about
LONGEST_HOLD_S = 3600
LONGEST_LIFE_S = 5_000_000
MOST_ACTS = 100

Json = dict[str, object]


@dataclass(frozen=True)
class Deed:
    """One act to be done."""

    worker: Worker
    name: str
    task_sid: str | None
    on_hold_s: float | None


def agent_routes(rig: Rig) -> Blueprint:
    """Acts and tokens."""
    routes = Blueprint("control_agents", __name__, url_prefix="/sandbox/v1")
    _acts(routes, rig)
    _tokens(routes, rig)
    return routes


def _acts(routes: Blueprint, rig: Rig) -> None:
    world = rig.world

    @routes.post("/agents/<worker>/<name>")
    @in_turn(rig)
    def act_as(worker: str, name: str) -> Response:
        """{task_sid?, on_hold_s?}"""
        return said(_done(world, _deed(world, worker, name, body_of(*FIELDS))))

    @routes.post("/acts")
    @in_turn(rig)
    def act_together() -> Response:
        """{acts: [{worker, act, task_sid?, on_hold_s?}, …]}: checked first, then done, with nothing in between."""
        wanted = body_of("acts").get("acts")
        if not isinstance(wanted, list) or not 1 <= len(wanted) <= MOST_ACTS:
            raise ControlRefused(f"must be a list of 1 to {MOST_ACTS} acts", field="acts")
        deeds = [_listed_deed(world, one) for one in wanted]
        return said({"acts": [_tried(world, deed) for deed in deeds]})


def _tokens(routes: Blueprint, rig: Rig) -> None:
    world = rig.world

    @routes.post("/agents/<worker>/token")
    @in_turn(rig)
    def give(worker: str) -> Response:
        """{roles?, expires_in_s?}, or {revoked: true, token?}"""
        who, wanted = _worker(world, worker), body_of("roles", "expires_in_s", "revoked", "token")
        if flag(wanted, "revoked"):
            return said({"revoked": take_back(world, who, text_in(wanted, "token"))})
        life_s = number(wanted, "expires_in_s", LONGEST_LIFE_S) if "expires_in_s" in wanted else USUAL_LIFE_S
        token = give_token(world, who, _roles(wanted), life_s)
        return said({"token": token.text, "expires_at": iso_ms(token.expires), "roles": list(token.roles)}, 201)

    @routes.delete("/agents/<worker>/token")
    @in_turn(rig)
    def revoke(worker: str) -> Response:
        """{token?}: that one, or all of this agent's."""
        return said({"revoked": take_back(world, _worker(world, worker), text_in(body_of("token"), "token"))})


def _deed(world: World, worker: str, name: str, wanted: Mapping[str, object]) -> Deed:
    if name not in ACTS:
        raise ControlRefused(f"no such act; known are {', '.join(ACTS)}", status=404)
    on_hold_s = number(wanted, "on_hold_s", LONGEST_HOLD_S) if "on_hold_s" in wanted else None
    if on_hold_s is not None and name not in SET_UP:
        raise ControlRefused(f"is for {' and '.join(SET_UP)} only", field="on_hold_s")
    return Deed(_worker(world, worker), name, text_in(wanted, "task_sid"), on_hold_s)


def _listed_deed(world: World, wanted: object) -> Deed:
    if not isinstance(wanted, dict):
        raise ControlRefused("each act must be an object", field="acts")
    known_fields(wanted, ("worker", "act", *FIELDS))
    named = {name: text_in(wanted, name) for name in ("worker", "act")}
    for name, value in named.items():
        if not value:
            raise ControlRefused("is required", field=name)
    return _deed(world, str(named["worker"]), str(named["act"]), wanted)


def _done(world: World, deed: Deed) -> Json:
    task = act(world, deed.worker, deed.name, deed.task_sid, on_hold_s=deed.on_hold_s)
    told: Json = {"task_sid": task.sid, "assignment_status": task.status} if task else {}
    activity = world.activities[deed.worker.activity_sid].friendly_name
    return {"worker": deed.worker.friendly_name, "activity": activity, **told}


def _tried(world: World, deed: Deed) -> Json:
    """One that cannot be done does not keep the others from being done."""
    try:
        return {"act": deed.name, **_done(world, deed), "error": None}
    except (ControlRefused, Refused) as refused:
        return {"act": deed.name, "worker": deed.worker.friendly_name, "error": refused.message}


def _roles(wanted: Mapping[str, object]) -> tuple[str, ...]:
    roles = wanted.get("roles", ["agent"])
    if not isinstance(roles, list) or not all(isinstance(one, str) and one for one in roles):
        raise ControlRefused("must be a list of texts", field="roles")
    return tuple(roles)


def _worker(world: World, name: str) -> Worker:
    for worker in world.workers.values():
        if name in (worker.sid, worker.friendly_name):
            return worker
    known = ", ".join(worker.friendly_name for worker in world.workers.values())
    raise ControlRefused(f"there is no worker {name}; known are {known}", status=404)
