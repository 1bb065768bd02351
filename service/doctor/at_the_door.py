"""Looks at the public address: a signed event is sent to ourselves the way that Twilio's come.

The event is of a type that is answered and not kept (``task.updated``) about a task that does not exist. Where it is
refused, it is signed for other addresses to learn which one the service takes for its own.
"""

import base64
import hmac
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import urllib3

from service.doctor.findings import Finding, found
from service.doctor.subject import EVENTS_PATH, Subject

CONNECT_S = 5.0  # as long as Twilio waits: "Webhooks: Connection Overrides"
ANSWER_S = 15.0
SLOW_S = 3.0
TAKEN = 204
_QUERY = "?doctor=a%20b%2Fc+d&doctor="  # any decoding and encoding again shows


@dataclass(frozen=True)
class Answer:
    """What came back: an HTTP status, whether it is written as our own problems are, and how long it took."""

    status: int
    ours: bool
    took_s: float
    location: str = ""
    problem: str = ""  # the last part of the problem's type


def look_at_door(subject: Subject) -> Iterator[Finding]:
    """Send the event, and say what keeps it from being taken."""
    url = subject.door_url
    try:
        yield from _tried(subject, url)
    except urllib3.exceptions.HTTPError as error:
        yield found("door.unreachable", f"{url}: {_reason(error)}", url=url)


def _tried(subject: Subject, url: str) -> Iterator[Finding]:
    answer = send_event(subject, url, signed_for=url)
    if answer.status != TAKEN:
        yield _refused(subject, url, answer)
        return
    if answer.took_s > SLOW_S:
        yield found("door.slow", f"{url} took {answer.took_s:.1f} s")
    whole = url + _QUERY
    again = send_event(subject, whole, signed_for=whole)
    if again.status == 403 and again.ours:
        yield found("door.rewritten", "an event is taken without a query and refused with one")


def send_event(subject: Subject, url: str, *, signed_for: str) -> Answer:
    """One signed event to ``url``. Raises urllib3's HTTPError if there is no answer."""
    form = _event(subject)
    text = signed_for + "".join(name + form[name] for name in sorted(form))
    key = subject.settings.twilio_auth_token.encode()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "User-Agent": "flex-router-doctor",
        "X-Twilio-Signature": base64.b64encode(hmac.digest(key, text.encode(), "sha1")).decode(),
    }
    limits = urllib3.Timeout(connect=CONNECT_S, read=ANSWER_S)
    began = time.monotonic()
    with urllib3.PoolManager(retries=False, timeout=limits) as pool:
        answer = pool.request("POST", url, body=urlencode(form), headers=headers, redirect=False)
        problem = _problem(answer.headers.get("Content-Type", ""), answer.data)
    took_s = time.monotonic() - began
    location = answer.headers.get("Location", "")
    return Answer(answer.status, problem is not None, took_s, location, (problem or "").rpartition("/")[2])


def _event(subject: Subject) -> dict[str, str]:
    now = int(subject.now_s())
    return {
        "EventType": "task.updated",
        "EventDescription": "Sent by flex-router doctor to itself",
        "Sid": f"EV{secrets.token_hex(16)}",
        "AccountSid": subject.settings.twilio_account_sid,
        "WorkspaceSid": subject.settings.twilio_workspace_sid,
        "ResourceType": "task",
        "TaskSid": f"WT{secrets.token_hex(16)}",
        "Timestamp": str(now),
        "TimestampMs": str(now * 1000),
    }


def _problem(content_type: str, body: bytes) -> str | None:
    """The type of a problem as this service writes it; None if it is none of ours."""
    if not content_type.startswith("application/problem+json"):
        return None
    try:
        told = json.loads(body)
    except ValueError:
        return None
    kind = told.get("type") if isinstance(told, Mapping) else None
    return kind if isinstance(kind, str) and kind.startswith("/problems/") else None


def _refused(subject: Subject, url: str, answer: Answer) -> Finding:
    told = f"{url} answers {answer.status}"
    if 300 <= answer.status < 400:
        return found("door.moved", f"{told} and leads to {answer.location.partition('?')[0]}")
    prefix = urlsplit(url).path.removesuffix(EVENTS_PATH)
    if answer.ours and answer.problem == "not-found" and prefix:
        how = f"let the proxy take {prefix} off before it passes a request on (nginx: `proxy_pass http://web/;` there)"
        return found("door.prefix", f"the path prefix {prefix} is handed on to the service", how=how)
    if answer.status == 403 and answer.ours:
        return _wrongly_signed(subject, url)
    if answer.status >= 500:
        who = "the web process, and look at /readyz" if answer.ours else "the proxy: it has no answer from the service"
        return found("door.faulty", told, who=who)
    return found("door.stranger", f"{told}, and not as this service does", url=url)


def _wrongly_signed(subject: Subject, url: str) -> Finding:
    """Refused for its signature. For which address would it have been right?"""
    for candidate, row, what, how in _candidates(url):
        if send_event(subject, url, signed_for=candidate).status == TAKEN:
            return found(row, what, how=how, url=subject.settings.public_base_url)
    return found("door.signature", "it is refused whichever address it is signed for: the tokens differ, or the hosts")


def _candidates(url: str) -> Iterator[tuple[str, str, str, str]]:
    """Addresses that the service may take for its own: (address, row of the table, what that would mean, mending)."""
    parts = urlsplit(url)
    prefix = parts.path.removesuffix(EVENTS_PATH)
    if prefix:
        how = f"set PUBLIC_BASE_URL of the web process to {parts.scheme}://{parts.netloc}{prefix} and restart it"
        what = f"the proxy takes the path prefix {prefix} off, and PUBLIC_BASE_URL of the web process lacks it"
        for scheme in ("https", "http"):
            yield f"{scheme}://{parts.netloc}{EVENTS_PATH}", "door.prefix", what, how
    other = "http" if parts.scheme == "https" else "https"
    what = f"the web process takes {other} for its scheme, and is called by {parts.scheme}"
    yield parts._replace(scheme=other).geturl(), "door.scheme", what, ""


def _reason(error: urllib3.exceptions.HTTPError) -> str:
    """What kept the connection from being made, without addresses of machines in it."""
    words = {
        "NewConnectionError": "the connection is refused, or nobody listens",
        "NameResolutionError": "the name is not known",
        "ConnectTimeoutError": f"no connection within {CONNECT_S:.0f} s",
        "ReadTimeoutError": f"no answer within {ANSWER_S:.0f} s",
        "SSLError": "its certificate is not trusted, or it speaks no TLS",
        "ProtocolError": "the connection is cut",
    }
    return words.get(type(error).__name__, type(error).__name__)
