"""The command line, ``flex-router run | web | reconcile | resync | …``: starts things, decides nothing."""

import os
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, TextIO

import click

from service.inspection import audit, doctor, export
from service.terminal import RULES, faults_shown, gunicorn_config
from service.terminal import end as _end

if TYPE_CHECKING:
    from service.reconcile.parts import Parts
    from service.rules.resolve import Directory

# By default glibc keeps memory in reserve for each thread, and ever larger pieces of it for large answers.
LEAN = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072"}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Routes conversations to people on Twilio Flex and rescues those that nobody takes.

    Settings come from the environment; see docs/reference/settings.md or config/example.env.
    """


@main.command()
@faults_shown
def run() -> None:
    """Everything on this machine: store, sandbox (unless TWILIO_ACCOUNT_SID is set), web and reconciler."""
    from service.launch import run_everything

    sys.exit(run_everything(os.environ))


@main.command()
@faults_shown
def web() -> None:
    """The web process (gunicorn). Needs REDIS_URL."""
    from service.settings import load_settings

    settings = load_settings(os.environ)
    os.environ.setdefault("HOST", settings.host)
    os.environ.setdefault("PORT", str(settings.port))
    os.environ.update(LEAN | os.environ)
    from service.app import create_app

    create_app(settings)  # all faults now and in full, not one at a time in every worker
    arguments = ["gunicorn", "--config", str(gunicorn_config()), "service.app:create_front()"]
    os.execv(sys.executable, [sys.executable, "-m", *arguments])  # noqa: S606  our own arguments


@main.command()
@faults_shown
def reconcile() -> None:
    """The background process: finishes, judges, catches up. Needs REDIS_URL. Any number may run."""
    if not LEAN.keys() <= os.environ.keys():  # read by glibc as a process begins, so it has to begin anew
        os.environ.update(LEAN | os.environ)
        os.execv(sys.executable, [sys.executable, "-m", "service.cli", "reconcile"])  # noqa: S606  our own arguments
    from service.app import create_reconciler, show_metrics
    from service.logs import set_up_logging
    from service.settings import load_settings
    from service.tracing import set_up_tracing

    settings = load_settings(os.environ)
    set_up_logging(settings.log_level, settings.log_format)
    set_up_tracing(settings.tracing)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    reconciler = create_reconciler(settings)
    show_metrics(settings, reconciler.book)
    reconciler.run(stop)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8090, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
@click.option("--service-url", default=None, help="Where this service is: TaskRouter's events are posted there.")
@click.option("--service-api-key", default=None, help="A Bearer key of the service, handed out by /sandbox/v1/info.")
@faults_shown
def sandbox(host: str, port: int, service_url: str | None, service_api_key: str | None) -> None:
    """A local Twilio in memory: no account, no phone, no bill."""
    from service.sandbox.server import SandboxOptions, serve_sandbox

    options = SandboxOptions(host=host, port=port, service_base_url=service_url, service_api_key=service_api_key)
    click.echo(f"sandbox on http://{host}:{port}/sandbox/v1/info", err=True)
    serve_sandbox(options)


@main.command()
@click.option(
    "--hours", default=24, show_default=True, type=click.IntRange(1, 720), help="How far back to read events."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@faults_shown
def resync(hours: int, as_json: bool) -> None:
    """Know all open invites again from Twilio: its events, then its live tasks. Safe beside a running service.

    The reconciler does the same by itself when it notices that the store was emptied or set back. Exit code 0 if every
    live task is known, 1 if not.
    """
    from service.reconcile.resync import resync_text

    _end(resync_text(_parts(), hours=hours, as_json=as_json, tell=lambda line: click.echo(line, err=True)))


main.add_command(doctor)
main.add_command(audit)
main.add_command(export)


@main.group()
def rules() -> None:
    """Check and try the rules file."""


@rules.command("check")
@click.argument("file", type=RULES, default="config/rules.yaml")
@click.option("--workspace", is_flag=True, help="Also look up every name in the workspace (needs the Twilio settings).")
@faults_shown
def rules_check(file: Path, workspace: bool) -> None:
    """Read FILE and print every fault in it with line, column and caret. Exit code 0 if there is none."""
    from service.rules.commands import check

    _end(check(file, _directory() if workspace else None))


@rules.command("explain")
@click.argument("request", type=click.File("r"))
@click.option("--file", "path", type=RULES, default="config/rules.yaml", show_default=True, help="The rules.")
@click.option("--at", default=None, type=click.DateTime(["%Y-%m-%dT%H:%M"]), help="As if it were this time (UTC).")
@click.option("--workspace", is_flag=True, help="Resolve names in the workspace (needs the Twilio settings).")
@faults_shown
def rules_explain(request: TextIO, path: Path, at: datetime | None, workspace: bool) -> None:
    """Say which rule the JSON in REQUEST (a file, or - for standard input) falls under, and why not those before."""
    from service.rules.commands import explain_text

    now = (at or datetime.now(UTC)).replace(tzinfo=UTC)
    _end(explain_text(path, request.read(), directory=_directory() if workspace else None, now=now))


@rules.command("test")
@click.argument("tests", type=RULES, default="config/rules.test.yaml")
@click.option("--file", "path", type=RULES, default=None, help="The rules; by default those that TESTS stands beside.")
@click.option("--junit", type=RULES, default=None, help="Also write the results as JUnit XML to this file.")
@click.option("--least", default=100.0, show_default=True, help="Least coverage of rules and steps, in percent.")
@faults_shown
def rules_test(tests: Path, path: Path | None, junit: Path | None, least: float) -> None:
    """Try the cases in TESTS on the rules. Exit code 0 if all hold and the coverage is reached."""
    from service.rules.commands import rules_of, run_tests

    _end(run_tests(tests, path or rules_of(tests), seconds=perf_counter, junit_to=junit, least_percent=least))


@rules.command("lint")
@click.argument("file", type=RULES, default="config/rules.yaml")
@click.option("--workspace", is_flag=True, help="Also read the live workflows: which routes would they not catch?")
@faults_shown
def rules_lint(file: Path, workspace: bool) -> None:
    """Say what in FILE is allowed and yet suspicious."""
    from service.rules.commands import lint_text

    if workspace:
        _end(lint_text(file, directory=_directory(), workflows=_parts().taskrouter.workflows()))
    _end(lint_text(file))


@rules.command("replay")
@click.argument("requests", type=RULES)
@click.argument("old", type=RULES)
@click.argument("new", type=RULES)
@faults_shown
def rules_replay(requests: Path, old: Path, new: Path) -> None:
    """Say which past REQUESTS (one JSON object a line) the rules in NEW decide otherwise than those in OLD."""
    from service.rules.commands import replay_text

    _end(replay_text(requests, old, new))


@rules.command("export")
@faults_shown
def rules_export() -> None:
    """Print the remembered requests for `rules replay`, one JSON object a line. They hold what the apps sent."""
    from service.reconcile.export import past_requests

    for line in past_requests(_parts().store):
        click.echo(line)


@rules.command("schema")
@click.option("--workspace", is_flag=True, help="Let editors offer the workspace's names too.")
@faults_shown
def rules_schema(workspace: bool) -> None:
    """Print the JSON Schema of rules files, for editors."""
    from service.rules.commands import schema

    _end(schema(_directory() if workspace else None))


def _parts() -> "Parts":
    from service.app import parts_of
    from service.settings import load_settings

    return parts_of(load_settings(os.environ), lease_s=1.0)


def _directory() -> "Directory":
    from service.rules.resolve import Directory

    return Directory(**_parts().taskrouter.names())


@main.command("console-password")
@click.option("--stdin", is_flag=True, help="Read the password from standard input instead of making one.")
def console_password(stdin: bool) -> None:
    """Make a password for the console. It is shown once; only its hash goes into CONSOLE_PASSWORD_HASH."""
    from service.console.passwords import hash_of, new_password

    password = sys.stdin.readline().rstrip("\n") if stdin else new_password()
    if len(password) < 8:
        raise click.ClickException("a password needs 8 characters at least")
    if not stdin:
        click.echo(f"The password (it is not stored anywhere):\n  {password}")
    click.echo(f"Its hash, for CONSOLE_PASSWORD_HASH or CONSOLE_READONLY_PASSWORD_HASH:\n  {hash_of(password)}")


@main.group()
def keys() -> None:
    """Keys for the apps that call this service."""


@keys.command("new")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    help="escalate, transfer, invites:read, invites:cancel, conversations:act, conversations:read, decide, metrics "
    "or *; may be given again.",
)
@faults_shown
def keys_new(name: str, scopes: tuple[str, ...]) -> None:
    """Make a key for the app NAME. The token is shown once; only its hash goes into API_KEYS."""
    from service.intake.keys import generate_key

    token, entry = generate_key(name, scopes)
    click.echo(f"Give the app this token (it is not stored anywhere):\n  {token}\nAdd this to API_KEYS:\n  {entry}")


if __name__ == "__main__":
    main()
