"""The control plane's other half: what shall go wrong, how open questions are answered, the sink, a new start."""

from flask import Blueprint, Response, jsonify, request

from service.sandbox.control import Rig, body_of, in_turn
from service.sandbox.delivery import Mishaps, read_mishaps
from service.sandbox.refusals import ControlRefused
from service.sandbox.switches import changed, describe

VERBS = ("GET", "POST", "DELETE")


def fault_routes(rig: Rig) -> Blueprint:
    """Faults, callbacks, switches, reset."""
    routes = Blueprint("control_faults", __name__, url_prefix="/sandbox/v1")
    _faults(routes, rig)
    _callbacks(routes, rig)
    _switches(routes, rig)
    _streams(routes, rig)

    @routes.post("/reset")
    def reset() -> Response:
        rig.faults.clear()
        rig.delivery.mishaps = Mishaps()
        rig.delivery.drop_late()
        rig.journal.clear()
        rig.start_anew()
        return jsonify({"reset": True})

    return routes


def _faults(routes: Blueprint, rig: Rig) -> None:
    @routes.post("/faults")
    def order() -> tuple[Response, int]:
        return jsonify(rig.faults.add(body_of()).shown()), 201

    @routes.get("/faults")
    def listed() -> Response:
        return jsonify({"faults": rig.faults.listed()})

    @routes.delete("/faults")
    def clear() -> Response:
        return jsonify({"cleared": rig.faults.clear()})

    @routes.delete("/faults/<fault_id>")
    def withdraw(fault_id: str) -> Response:
        if not rig.faults.clear(fault_id):
            raise ControlRefused(f"there is no fault {fault_id}", status=404)
        return jsonify({"cleared": 1})


def _callbacks(routes: Blueprint, rig: Rig) -> None:
    @routes.route("/callbacks", methods=VERBS)
    def callbacks() -> Response:
        if request.method == "POST":
            rig.delivery.mishaps = read_mishaps(body_of())
        elif request.method == "DELETE":
            rig.delivery.mishaps = Mishaps()
        return jsonify(vars(rig.delivery.mishaps))


def _streams(routes: Blueprint, rig: Rig) -> None:
    @routes.route("/streams", methods=VERBS)
    @in_turn(rig)
    def streams() -> Response:
        """The webhook sink of Event Streams: {url}."""
        if request.method == "POST":
            url = body_of("url").get("url")
            if not isinstance(url, str) or not url.startswith(("http://", "https://")):
                raise ControlRefused("must be an http(s) address", field="url")
            rig.world.stream_url = url
        elif request.method == "DELETE":
            rig.world.stream_url = ""
        return jsonify({"url": rig.world.stream_url})


def _switches(routes: Blueprint, rig: Rig) -> None:
    @routes.post("/switches")
    @in_turn(rig)
    def throw() -> Response:
        rig.world.switches = changed(rig.world.switches, body_of())
        return jsonify({"switches": describe(rig.world.switches)})

    @routes.get("/switches")
    def shown() -> Response:
        return jsonify({"switches": describe(rig.world.switches)})
