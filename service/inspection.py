"""The commands that look at an installation, an account or our records, and tell: ``doctor``, ``audit``, ``export``.

What they find out is found out in rooms of their own; here it is only wired to the settings and to the terminal.
"""

import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from service.errors import ConfigurationError, StoreUnavailableError
from service.terminal import RULES, agreement, aside, bar, end, faults_shown, gunicorn_config, moment, progress

if TYPE_CHECKING:
    from service.intake.desk import Desk
    from service.reconcile.parts import Parts
    from service.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--fix", is_flag=True, help="Set at Twilio what can be set: event callback URL and filter. Asks first.")
@click.option("--yes", is_flag=True, help="Agree to --fix beforehand.")
@click.option(
    "--skip", multiple=True, metavar="ID", help="A finding that is known and not to be told; may be repeated."
)
@click.option("--proxy-config", type=RULES, default="config/proxy/nginx.conf", help="nginx.conf of the proxy in front.")
@click.option("--verify", is_flag=True, help="Instead: walk through what only a live account can show.")
@click.option("--answers", type=click.File("r"), help="For --verify: JSON with what was seen; asks for nothing then.")
@click.option("--record", type=RULES, default="doctor-verify.json", help="For --verify: where the answers are kept.")
@faults_shown
def doctor(*, verify: bool, answers: TextIO | None, record: Path, proxy_config: Path, **wished: Any) -> None:
    """Say what is wrong with this installation, why it matters, and how to mend it: docs/reference/doctor.md lists all.

    Exit code 0 if all is well, 1 if something was found, 2 if not everything could be looked at.
    """
    from service.doctor.commands import Wishes, ask_a_person, examine, note_answers
    from service.doctor.subject import subject_of
    from service.logs import set_up_logging
    from service.settings import load_settings

    settings = load_settings(os.environ)
    set_up_logging("ERROR", "console")
    if verify:
        ask = None if answers else ask_a_person(lambda text: click.prompt(text, default="", show_default=False), aside)
        end(note_answers(settings.twilio_account_sid, answers.read() if answers else None, ask, record=record))
    wishes = Wishes(wished["as_json"], wished["fix"], wished["skip"], agreement(yes=wished["yes"]))
    proxy = proxy_config if proxy_config.exists() else None
    subject = subject_of(settings, _parts_of(settings), gunicorn=_gunicorn_config_or_none(), proxy=proxy)
    end(examine(subject, wishes, tell=aside, progress=progress))


def _gunicorn_config_or_none() -> Path | None:
    try:
        return gunicorn_config()
    except ConfigurationError:
        return None


@click.command()
@click.option("--since", default="30d", show_default=True, help="How far back to read events: 12h, 7d or a date.")
@click.option("--rate", default=10.0, show_default=True, type=click.FloatRange(0.1, 100), help="Calls a second.")
@click.option(
    "--rescue", type=click.Choice(["route", "close"]), help="Ask somebody by the rules, or end it. Asks first."
)
@click.option("--farewell", default=None, help="With --rescue close: what the customer is told before.")
@click.option("--yes", is_flag=True, help="Agree to --rescue beforehand.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@faults_shown
def audit(*, since: str, rate: float, rescue: str | None, farewell: str | None, **flags: bool) -> None:
    """Say which conversations are orphaned in this account now, by what Twilio shows of them.

    Needs only the TWILIO_ settings; `--rescue route` needs the store and the rules, too. Changes nothing without
    --rescue. Exit code 0 if nothing is orphaned (any more), 1 if something is, 2 if it could not be looked at.
    """
    from service.audit.commands import Office, Wishes, audit, since_when
    from service.audit.pace import Pace
    from service.audit.rescue import closing_with, routing_by
    from service.flex.client import twilio_client
    from service.flex.inventory import Inventory
    from service.logs import set_up_logging

    if farewell and rescue != "close":
        raise ConfigurationError(("--farewell goes with --rescue close: whoever is routed is not told goodbye",))
    settings = _settings_for_audit(needs_store=rescue == "route")
    set_up_logging("ERROR", "console")
    act = None if rescue is None else routing_by(_desk(settings)) if rescue == "route" else closing_with(farewell)
    since_at = since_when(since, datetime.now(UTC))
    wishes = Wishes(since_at, json=flags["as_json"], act=act, agree=agreement(yes=flags["yes"]))
    inventory = Inventory(twilio_client(settings))
    end(audit(Office(_parts_of(settings), inventory, Pace(rate), aside, bar), wishes))


@click.command()
@click.option("--from", "from_", default=None, help="Records made from then on: 12h, 7d or a date.")
@click.option("--to", default=None, help="Records made before then.")
@click.option("--invites", "what", flag_value="invites", default=True, help="Every invite and its life; the default.")
@click.option("--decisions", "what", flag_value="decisions", help="What the rules decided, and why.")
@click.option("--personal", is_flag=True, help="Also what the apps sent: attributes and reasons.")
@faults_shown
def export(*, from_: str | None, to: str | None, what: str, personal: bool) -> None:
    """Print our records as JSON lines, newest first. They are kept for IDEMPOTENCY_WINDOW_S after their end.

    Without --personal nothing that a customer or an app has sent is in a line.
    """
    from service.logs import set_up_logging
    from service.reconcile.export import Period, decisions, invites
    from service.settings import load_settings

    settings = load_settings(os.environ)
    set_up_logging("ERROR", "console")
    now = datetime.now(UTC)
    times = [moment(text, now, option=option) if text else None for text, option in ((from_, "--from"), (to, "--to"))]
    period = Period(*(None if time is None else int(time.timestamp() * 1000) for time in times))
    read = decisions if what == "decisions" else invites
    try:
        for line in read(_parts_of(settings).store, period, personal=personal):
            click.echo(line)
    except StoreUnavailableError as error:
        end((1, f"not done: {error.detail}"))


def _settings_for_audit(*, needs_store: bool) -> "Settings":
    """On the first day there are neither a store nor an address: an audit uses neither of them."""
    from service.settings import load_settings

    unused = {"REDIS_URL": "redis://127.0.0.1:6379/0", "PUBLIC_BASE_URL": "http://127.0.0.1:8080"}
    given = {name: value for name, value in os.environ.items() if value}
    return load_settings(given if needs_store or "REDIS_URL_FILE" in given else {**unused, **given})


def _desk(settings: "Settings") -> "Desk":
    from service.app import create_reconciler
    from service.intake.desk import Desk

    book = create_reconciler(settings).book
    if not book.rules.loaded:
        raise ConfigurationError((f"{settings.rules_file} cannot be used: see `flex-router rules check`",))
    hands = threading.BoundedSemaphore(1)
    return Desk(book.parts, book, settings.request_budget_s, settings.idempotency_window_s, hands)


def _parts_of(settings: "Settings") -> "Parts":
    from service.app import parts_of

    return parts_of(settings, lease_s=1.0)
