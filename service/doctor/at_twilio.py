"""Looks at the account: both ways to log in, the workspace and where it sends its events, Flex' chat service."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from service.doctor.findings import Finding, found
from service.doctor.subject import EVENTS_PATH, Subject
from service.errors import TwilioRefusedError
from service.flex.account import Login, WorkspaceSettings
from service.tracking.lifecycle import EVENT_SIGNALS

FLEX_WORKSPACE = "Flex Task Assignment"
NOT_FOUND = 404
_EVERY_FAULT = frozenset({"5xx", "ct", "rt"})  # retry policies of "Webhooks: Connection Overrides"; 4xx need none


def look_at_credentials(subject: Subject) -> Iterator[Finding]:
    """REST calls by the API key where there is one, and the auth token by itself, for it checks the signatures."""
    settings = subject.settings
    account, token = settings.twilio_account_sid, settings.twilio_auth_token
    by_token = subject.account.login(account, token)
    if by_token.refused:
        what = f"Twilio answers {by_token.status} to TWILIO_AUTH_TOKEN of {account}"
        yield found("credentials.token", what, account=account)
    by_key = subject.account.login(*settings.twilio_login) if settings.twilio_api_key else None
    if by_key and by_key.refused:
        yield found("credentials.rest", f"Twilio answers {by_key.status} to {settings.twilio_api_key}")
    if NOT_FOUND in (by_token.status, by_key.status if by_key else 0):
        sid = settings.twilio_workspace_sid
        yield found("workspace.unknown", f"{account} has no workspace {sid}", account=account)


def good_login(subject: Subject) -> Login:
    """A login with what REST calls are made with: for its clock."""
    return subject.account.login(*subject.settings.twilio_login)


def look_at_workspace(subject: Subject) -> Iterator[Finding]:
    """Its name, and where it sends which events."""
    try:
        workspace = subject.account.workspace()
    except TwilioRefusedError as error:
        if error.twilio_status == NOT_FOUND:
            return  # told with the credentials
        raise
    if workspace.name != FLEX_WORKSPACE:
        sid = subject.settings.twilio_workspace_sid
        yield found("workspace.name", f"{sid} is called {workspace.name!r}", workspace=sid)
    yield from _callback(subject, workspace)
    missing = missing_events(workspace)
    if missing:
        what = f"the filter lacks {', '.join(missing)}"
        yield found("filter.incomplete", what, events=",".join(missing))


def _callback(subject: Subject, workspace: WorkspaceSettings) -> Iterator[Finding]:
    given, wanted = workspace.callback_url, subject.events_url
    if not given:
        yield found("callback.none", "the workspace has no event callback URL", url=wanted)
        return
    there, ours = urlsplit(given), urlsplit(wanted)
    if (there.scheme, there.netloc, there.path, there.query) == (ours.scheme, ours.netloc, ours.path, ours.query):
        if not retries(there.fragment):
            after = f"#{there.fragment}" if there.fragment else "nothing"
            yield found("callback.retries", f"{after} stands where {ours.fragment!r} is meant to", url=wanted)
    elif there.netloc == ours.netloc and there.path.endswith(EVENTS_PATH) and there.path != ours.path:
        prefixes = (one.path.removesuffix(EVENTS_PATH) or "no prefix" for one in (there, ours))
        what = "Twilio calls it with {}, PUBLIC_BASE_URL has {}".format(*prefixes)
        yield found("callback.prefix", what, url=wanted)
    else:
        yield found("callback.elsewhere", f"it is {_without_secrets(given)}", url=wanted)


def retries(fragment: str) -> bool:
    """True if the connection overrides repeat an event whatever went wrong."""
    asked = parse_qs(fragment)
    count = asked.get("rc", ["1"])[-1]
    policies = set(asked.get("rp", ["ct"])[-1].split(","))
    return count.isdigit() and int(count) > 1 and ("all" in policies or policies >= _EVERY_FAULT)


def missing_events(workspace: WorkspaceSettings) -> list[str]:
    """The events that the filter keeps from us. An empty filter keeps none: that is how a new workspace is."""
    posted = {name.strip() for name in workspace.events_filter.split(",") if name.strip()}
    return [name for name in EVENT_SIGNALS if posted and name not in posted]


def filter_with_ours(workspace: WorkspaceSettings) -> str:
    """What the filter is to be: all that it posts now, and what it lacks. No spaces: Twilio takes none."""
    posted = [name.strip() for name in workspace.events_filter.split(",") if name.strip()]
    return ",".join([*posted, *missing_events(workspace)])


def _without_secrets(url: str) -> str:
    """An address of somebody else's may carry a password, or a key in its query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" + ("?…" if parts.query else "")


def look_at_chat_service(subject: Subject) -> Iterator[Finding]:
    """Flex' chat service must be the default one: "Best Practices"."""
    services = subject.account.chat_services()
    if services is None:
        if subject.settings.twilio_base_url is None:  # the local Twilio has no such settings
            yield found("conversations.unseen", "Twilio shows no configuration of Conversations or of Flex")
    elif services.flex_sid and services.default_sid != services.flex_sid:
        what = f"the default is {services.default_sid}, Flex works with {services.flex_sid}"
        yield found("conversations.default", what, service=services.flex_sid)
