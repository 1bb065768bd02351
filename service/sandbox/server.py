"""Starts the local Twilio: wires the world, the APIs, the control plane and the threads. Nothing else is done."""

import logging
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from service.sandbox.api_conversations import conversation_routes
from service.sandbox.api_flex import flex_routes
from service.sandbox.api_iam import iam_routes
from service.sandbox.api_statistics import statistics_routes
from service.sandbox.api_tasks import task_routes
from service.sandbox.api_workspace import workspace_routes
from service.sandbox.control import Rig, control_routes
from service.sandbox.control_agents import agent_routes
from service.sandbox.control_faults import fault_routes
from service.sandbox.delivery import Delivery
from service.sandbox.faults import Faults
from service.sandbox.gate import Gate
from service.sandbox.journal import Journal
from service.sandbox.posting import Poster
from service.sandbox.refusals import ControlRefused, Refused, not_found
from service.sandbox.seed import Seed, new_world
from service.sandbox.serving import Server
from service.sandbox.sids import named_sid
from service.sandbox.switches import Switches
from service.sandbox.wire import check_login, refusal, request_id
from service.sandbox.world import Account, World

ACCOUNT_SID = named_sid("AC", "account")
AUTH_TOKEN = "5a4d0b0c5a4d0b0c5a4d0b0c5a4d0b0c"
EVENTS_PATH = "/v1/events/taskrouter#rc=5&rp=all"
LONGEST_TICK_S = 0.5
STOP_LOOK_S = 0.05

log = logging.getLogger("service.sandbox")


@dataclass(frozen=True)
class SandboxOptions:
    """How to start. ``port`` 0 takes a free one; ``service_base_url`` is where the service's event endpoint lives."""

    host: str = "127.0.0.1"
    port: int = 8090
    service_base_url: str | None = None
    service_api_key: str | None = None
    account_sid: str = ACCOUNT_SID
    auth_token: str = AUTH_TOKEN
    api_key: str | None = None
    api_secret: str | None = None
    seed: int = 1
    switches: Switches = field(default_factory=Switches)


class RunningSandbox:
    """A started local Twilio. ``world`` is there for tests in the same process; use it inside ``world.turn()``."""

    def __init__(self, options: SandboxOptions) -> None:
        self._server = Server(options.host, options.port, _nothing_yet)
        self.port: int = self._server.port
        self.base_url = f"http://{_reachable(options.host)}:{self.port}"
        self.world = new_world(_seed(options, self.base_url))
        journal = Journal(self.world.clock.now)
        self._delivery = Delivery(Poster(options.account_sid, options.auth_token), journal, options.seed)
        self.world.send = self._delivery.send
        faults = Faults(options.seed)
        start_anew = _reseed(self.world, options, self.base_url)
        rig = Rig(self.world, faults, self._delivery, journal, options.service_api_key, start_anew)
        self._server.app = Gate(_application(rig).wsgi_app, self.world, faults, journal)
        self._stopped = threading.Event()
        for run, name in ((self._serve, "sandbox-http"), (self._tick, "sandbox-clock")):
            threading.Thread(target=run, name=name, daemon=True).start()

    def close(self) -> None:
        """Stop serving; connections that are still open are dropped."""
        self._stopped.set()
        with self.world.lock:
            self.world.lock.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._delivery.close()

    def _serve(self) -> None:
        self._server.serve_forever(STOP_LOOK_S)

    def _tick(self) -> None:
        """Lets timers happen as real time passes."""
        with self.world.lock:
            while not self._stopped.is_set():
                with self.world.turn():
                    due = self.world.clock.due_in()
                self.world.lock.wait(min(LONGEST_TICK_S, LONGEST_TICK_S if due is None else due))


def start_sandbox(options: SandboxOptions) -> RunningSandbox:
    """Serve in daemon threads. Raises OSError if the port is taken."""
    sandbox = RunningSandbox(options)
    log.info("sandbox.started base_url=%s", sandbox.base_url)
    return sandbox


def serve_sandbox(options: SandboxOptions) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError if the port is taken."""
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask_to_stop)
    sandbox = start_sandbox(options)
    stop.wait()
    sandbox.close()
    log.info("sandbox.stopped")


def _nothing_yet(_environ: object, start_response: Callable[..., object]) -> list[bytes]:
    start_response("503 Service Unavailable", [])
    return []


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104  # it is compared, not bound


def _seed(options: SandboxOptions, origin: str) -> Seed:
    account = Account(options.account_sid, options.auth_token, options.api_key, options.api_secret)
    url = f"{options.service_base_url.rstrip('/')}{EVENTS_PATH}" if options.service_base_url else ""
    return Seed(account, url, options.switches, None, origin)


def _reseed(world: World, options: SandboxOptions, origin: str) -> Callable[[], None]:
    """Puts the world back to what it was at the start; only time goes on."""

    def start_anew() -> None:
        with world.turn():
            world.clock.clear()
            fresh = vars(new_world(_seed(options, origin)))
            for name in ("clock", "lock", "send"):
                del fresh[name]
            vars(world).update(fresh)

    return start_anew


def _application(rig: Rig) -> Flask:
    app = Flask("service.sandbox", static_folder=None)
    for make in (flex_routes, statistics_routes, task_routes, workspace_routes, conversation_routes, iam_routes):
        app.register_blueprint(make(rig.world))
    app.register_blueprint(control_routes(rig))
    app.register_blueprint(agent_routes(rig))
    app.register_blueprint(fault_routes(rig))
    _answers(app, rig)
    _front_page(app)
    return app


def _answers(app: Flask, rig: Rig) -> None:
    @app.before_request
    def login() -> None:
        if request.path.startswith("/v1/"):
            rig.world.origin = request.host_url.rstrip("/")  # links lead to where the caller came
            check_login(rig.world.account)

    @app.after_request
    def number(response: Response) -> Response:
        if request.path.startswith("/v1/"):
            response.headers["Twilio-Request-Id"] = request_id()
        return response

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        return refusal(error)

    @app.errorhandler(ControlRefused)
    def control_refused(error: ControlRefused) -> tuple[Response, int]:
        return jsonify({"error": error.message, "field": error.field}), error.status

    @app.errorhandler(HTTPException)
    def not_routed(error: HTTPException) -> Response | tuple[Response, int]:
        if request.path.startswith("/v1/"):
            status = error.code or 500
            return refusal(not_found(request.path) if status == 404 else Refused(error.name, status=status))
        return jsonify({"error": error.name, "field": None}), error.code or 500


def _front_page(app: Flask) -> None:
    @app.get("/")
    def welcome() -> Response:
        rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/sandbox/v1")]
        control = [(rule.rule, sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})) for rule in rules]
        return jsonify(
            {
                "about": "A local Twilio for trying out and for tests. Nothing in here reaches the real one.",
                "apis": [
                    "/v1/Interactions",
                    "/v1/Workspaces",
                    "/v1/Conversations",
                    "/v1/ParticipantConversations",
                    "/v1/Accounts/{AC}/Tokens/validate",
                ],
                "control": sorted(f"{','.join(verbs)} {path}" for path, verbs in control),
            }
        )
