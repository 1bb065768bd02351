"""The command line, ``flex-router run | web | reconcile | sandbox | rules | keys``: starts things, decides nothing."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TextIO, TypeVar

import click

from service.errors import ConfigurationError

if TYPE_CHECKING:
    from service.rules.resolve import Directory

P = ParamSpec("P")
R = TypeVar("R")


def faults_shown(command: Callable[P, R]) -> Callable[P, R]:
    """A wrong configuration ends the command with all its faults, one a line, and exit code 2."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ConfigurationError as error:
            click.echo("The configuration is not valid:", err=True)
            for fault in error.faults:
                click.echo(f"  {fault}", err=True)
            sys.exit(2)

    return guarded


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Routes conversations to people on Twilio Flex and rescues those that nobody takes.

    Settings come from the environment; see README.md or config/example.env.
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
    from service.app import create_app

    create_app(settings)  # all faults now and in full, not one at a time in every worker
    arguments = ["gunicorn", "--config", str(_gunicorn_config()), "service.app:create_app()"]
    os.execv(sys.executable, [sys.executable, "-m", *arguments])  # noqa: S606  our own arguments


def _gunicorn_config() -> Path:
    given = os.environ.get("GUNICORN_CONFIG")
    beside = Path(__file__).parent.parent / "config" / "gunicorn.conf.py"
    path = Path(given) if given else beside if beside.exists() else Path("config/gunicorn.conf.py")
    if not path.exists():
        raise ConfigurationError((f"{path} is missing: start from the project's folder, or set GUNICORN_CONFIG",))
    return path


@main.command()
@faults_shown
def reconcile() -> None:
    """The background process: finishes, judges, catches up. Needs REDIS_URL. Any number may run."""
    from service.app import create_reconciler
    from service.logs import set_up_logging
    from service.settings import load_settings

    settings = load_settings(os.environ)
    set_up_logging(settings.log_level, settings.log_format)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    create_reconciler(settings).run(stop)


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


@main.group()
def rules() -> None:
    """Check and try the rules file."""


@rules.command("check")
@click.argument("file", type=click.Path(path_type=Path), default=Path("config/rules.yaml"))
@click.option("--workspace", is_flag=True, help="Also look up every name in the workspace (needs the Twilio settings).")
@faults_shown
def rules_check(file: Path, workspace: bool) -> None:
    """Read FILE and print every fault in it with line, column and caret. Exit code 0 if there is none."""
    from service.rules.commands import check

    code, text = check(file, _directory() if workspace else None)
    click.echo(text)
    sys.exit(code)


@rules.command("explain")
@click.argument("request", type=click.File("r"))
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path),
    default=Path("config/rules.yaml"),
    show_default=True,
    help="The rules.",
)
@click.option("--workspace", is_flag=True, help="Resolve names in the workspace (needs the Twilio settings).")
@faults_shown
def rules_explain(request: TextIO, path: Path, workspace: bool) -> None:
    """Say which rule the JSON in REQUEST (a file, or - for standard input) falls under, and why not those before."""
    from service.rules.commands import explain_text

    code, text = explain_text(path, request.read(), directory=_directory() if workspace else None)
    click.echo(text)
    sys.exit(code)


def _directory() -> "Directory":
    from service.app import parts_of
    from service.rules.resolve import Directory
    from service.settings import load_settings

    parts = parts_of(load_settings(os.environ), lease_s=1.0)
    return Directory(**parts.taskrouter.names())


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
    help="escalate, transfer, invites:read, invites:cancel, decide or *; may be given again.",
)
@faults_shown
def keys_new(name: str, scopes: tuple[str, ...]) -> None:
    """Make a key for the app NAME. The token is shown once; only its hash goes into API_KEYS."""
    from service.intake.keys import generate_key

    token, entry = generate_key(name, scopes)
    click.echo(f"Give the app this token (it is not stored anywhere):\n  {token}\nAdd this to API_KEYS:\n  {entry}")


if __name__ == "__main__":
    main()
