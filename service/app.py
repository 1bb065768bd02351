"""The one place where things are wired: settings in, a Flask application or a reconciler out."""

import os
import threading
import time

import structlog
from flask import Flask, Response, request

from service.console.access import access_of
from service.errors import ConfigurationError, RouterError
from service.flex.client import flex_tokens, http_client, twilio_client
from service.flex.conversations import Conversations
from service.flex.gateway import Gateway
from service.flex.statistics import Statistics
from service.flex.taskrouter import TaskRouter
from service.intake.api import api
from service.intake.desk import Desk
from service.intake.docs import docs
from service.intake.door import Door
from service.intake.front import Front
from service.intake.hooks import hooks
from service.intake.keys import parse_keys
from service.intake.measures import measures
from service.intake.probes import probes
from service.intake.problems import install_problems
from service.intake.refusals import names_of
from service.intake.watch import install_watch
from service.logs import set_up_logging
from service.metrics.scrape import serve
from service.reconcile.loop import Reconciler
from service.reconcile.made_tasks import MadeTasks
from service.reconcile.names import Names
from service.reconcile.parts import Parts
from service.reconcile.presence import Presence
from service.reconcile.readings import process_readings, refresh_rules
from service.reconcile.rulebook import Rulebook
from service.rules.aliases import Aliases, parse_aliases, unknown_aliases, unused_aliases
from service.rules.faults import Fault, RulesError
from service.rules.loading import RulesFile, read_text
from service.rules.resolve import Directory, unresolved
from service.rules.ruleset import RuleSet
from service.settings import Settings, load_settings
from service.tracing import set_up_tracing
from service.tracking.arrival import Pace
from service.tracking.census import Census
from service.tracking.closings import Closings
from service.tracking.connection import connect
from service.tracking.errands import Errands
from service.tracking.figures import Figures
from service.tracking.hits import Hits
from service.tracking.hours import Hours
from service.tracking.idempotency import IdempotencyKeys
from service.tracking.marks import Marks
from service.tracking.notes import Notes
from service.tracking.roll import WEB, Roll
from service.tracking.store import Store

log = structlog.stdlib.get_logger("service.app")

WEB_LEASE_S = 15.0  # longer than any request is served; then the reconciler finishes what a dead process began
RECONCILE_LEASE_S = 25.0  # longer than one piece of work may take (10 s of calls); a dead process's work waits so long
WATCHING = ("probes", "measures", "console")  # the blueprints of whoever looks how this process is


def create_front(settings: Settings | None = None) -> Front:
    """What gunicorn serves: ``create_app`` with the front before it. Raises as that does, and may fork as it may."""
    settings = settings or load_settings(os.environ)
    flask, desk, door = _web(settings)
    return Front(
        flask.wsgi_app, desk.parts, door, settings.twilio_workspace_sid, threads=settings.web_threads,
        budget_s=settings.request_budget_s, plain=not settings.tracing,  # spans are made on the long way
        named=names_of(flask.url_map),
    )  # fmt: skip


def create_app(settings: Settings | None = None) -> Flask:
    """The web application. Raises ConfigurationError with every fault of settings and rules.

    No connection outlives this function, so it may be called before a server forks.
    """
    return _web(settings or load_settings(os.environ))[0]


def _web(settings: Settings) -> tuple[Flask, Desk, Door]:
    set_up_logging(settings.log_level, settings.log_format)
    set_up_tracing(settings.tracing)
    keys = parse_keys(settings.api_keys)
    door = Door(settings.public_base_url, settings.auth_tokens, keys, flex_tokens(settings), settings.flex_pages)
    parts = parts_of(settings, lease_s=WEB_LEASE_S)
    book = _rulebook(settings, parts, workspace=_names_now(settings))
    try:
        _check_aliases(book.names)
        book.rules.load(_now_ms())
        _check_use_of_aliases(book)
    except RulesError as error:
        raise ConfigurationError((str(error),)) from error
    left_for_others = max(1, settings.web_threads // 4)
    hands = threading.BoundedSemaphore(min(settings.twilio_concurrency, settings.web_threads - left_for_others))
    desk = Desk(parts, book, settings.request_budget_s, settings.idempotency_window_s, hands)

    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it

    install_watch(app)

    @app.before_request
    def take_up_changed_rules() -> None:
        refresh_rules(book, _now_ms())

    presence = Presence(parts, book, WEB)

    @app.after_request
    def sign_the_roll(response: Response) -> Response:
        if request.blueprint in WATCHING:  # no request or event pays for it
            presence.sign_aside()
        return response

    install_problems(app)
    app.register_blueprint(api(desk, door))
    app.register_blueprint(hooks(parts, door, settings.twilio_workspace_sid))
    app.register_blueprint(probes(desk))
    app.register_blueprint(measures(desk, door))
    app.register_blueprint(docs())
    _open_console(app, desk, presence, settings)
    return app, desk, door


def _open_console(app: Flask, desk: Desk, presence: Presence, settings: Settings) -> None:
    """Only where somebody may enter it: its pages would take 5 MB of every process."""
    access = access_of(settings)
    if not access.open:
        return
    from service.console.office import Office
    from service.console.pages import console
    from service.console.reach import Reach
    from service.rules.tried import Beside
    from service.tracking.checkup import Checkup
    from service.tracking.console_notes import ConsoleNotes
    from service.tracking.openings import Openings

    client = connect(settings.redis_url)
    office = Office(
        desk=desk,
        access=access,
        openings=Openings(client),
        notes=ConsoleNotes(client),
        checkup=Checkup(client),
        reach=Reach(desk),
        presence=presence,
        tests=Beside(settings.rules_file),
        settings=settings,
    )
    app.register_blueprint(console(office))


def create_reconciler(settings: Settings) -> Reconciler:
    """The background process's work. Rules that cannot be read do not stop it: conversations must be rescued."""
    parts = parts_of(settings, lease_s=RECONCILE_LEASE_S)
    book = _rulebook(settings, parts, workspace=None)
    try:
        book.rules.load(_now_ms())
    except RulesError as error:
        log.error("rules.unusable", why=error.summary)
    return Reconciler(parts, book, workers=settings.twilio_concurrency, catch_up_every_s=settings.catch_up_every_s)


def show_metrics(settings: Settings, book: Rulebook) -> None:
    """Let Prometheus read this process, if a port is given. One that cannot be had stops nothing: conversations must
    be rescued."""
    if settings.metrics_port:
        try:
            serve(settings.metrics_host, settings.metrics_port, lambda: process_readings(book))
        except OSError as error:
            log.error("metrics.not_shown", port=settings.metrics_port, why=type(error).__name__)


def _rulebook(settings: Settings, parts: Parts, *, workspace: Directory | None) -> Rulebook:
    names = Names(parts, workspace, _aliases(settings))
    rules = RulesFile(settings.rules_file, check=lambda ruleset: _unknown_names(ruleset, names))
    return Rulebook(parts, rules, names)


def _aliases(settings: Settings) -> Aliases | None:
    if settings.rules_aliases is None:
        return None
    try:
        return parse_aliases(read_text(settings.rules_aliases), file=settings.rules_aliases.name)
    except RulesError as error:
        raise ConfigurationError((str(error),)) from error


def parts_of(settings: Settings, *, lease_s: float) -> Parts:
    """What works with the store and with Twilio. Connects to nothing yet."""
    client = connect(settings.redis_url)
    http = http_client(settings)
    twilio = twilio_client(settings, http)
    store = Store(client, keep_s=settings.idempotency_window_s)
    taskrouter = TaskRouter(twilio, settings.twilio_workspace_sid)
    return Parts(
        store=store,
        errands=Errands(client, keep_s=settings.idempotency_window_s),
        keys=IdempotencyKeys(client),
        closings=Closings(client),
        notes=Notes(client),
        marks=Marks(client),
        census=Census(client),
        figures=Figures(client),
        hours=Hours(client),
        hits=Hits(client),
        roll=Roll(client),
        statistics=Statistics(twilio, settings.twilio_workspace_sid),
        gateway=Gateway(twilio, settings.twilio_workspace_sid),
        conversations=Conversations(twilio),
        taskrouter=taskrouter,
        http=http,
        made_tasks=MadeTasks(taskrouter),
        pace=Pace(settings.close_grace_s, settings.look_every_s),
        settle_s=settings.settle_s,
        lease_s=lease_s,
        wake_url=f"{settings.public_base_url}/v1/events/conversations",
        parked_look_s=settings.parked_look_every_s,
    )


def _check_aliases(names: Names) -> None:
    """Raises RulesError for an alias of something that the workspace does not have."""
    if names.aliases and names.workspace and (faults := unknown_aliases(names.aliases, names.workspace)):
        raise RulesError(faults)


def _check_use_of_aliases(book: Rulebook) -> None:
    """Raises RulesError for an alias of a name that the rules do not write: nearly always a misspelled one."""
    if book.names.aliases and (faults := unused_aliases(book.names.aliases, book.rules.current)):
        raise RulesError(faults)


def _names_now(settings: Settings) -> Directory | None:
    """The workspace's names, asked over connections that are closed again.

    If Twilio and the store are both away, names in the rules cannot be checked yet; the service starts all the same,
    because events and open invites need it, and /readyz says what is missing.
    """
    parts = parts_of(settings, lease_s=WEB_LEASE_S)
    try:
        return Names(parts).fresh()
    except RouterError as error:
        log.warning("names.unknown", why=error.detail)
        return None
    finally:
        parts.store.close()


def _unknown_names(ruleset: RuleSet, names: Names) -> tuple[Fault, ...] | None:
    """Names in the rules that the workspace does not have; None while its own are unknown."""
    return unresolved(ruleset, names.known) if names.known else None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
