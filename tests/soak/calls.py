"""HTTP to the sandbox's control plane and to the service: one connection a thread, bounded waits, values out."""

import threading
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

Json = dict[str, Any]  # free-form

LISTED = 40  # the most that one page of invites holds
PAGE = 100
LOOK_AGAIN = Retry(total=2, backoff_factor=0.2, allowed_methods=["GET"])  # acts are never repeated behind our back

_own = threading.local()


class Refused(Exception):
    """The sandbox would not do it (4xx): an agent was too late, a conversation is closed."""


def _session() -> requests.Session:
    if not hasattr(_own, "session"):
        _own.session = requests.Session()
        _own.session.mount("http://", HTTPAdapter(max_retries=LOOK_AGAIN))
    session: requests.Session = _own.session
    return session


class Sandbox:
    """The control plane, and Twilio's REST API as another application uses it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._leaps: list[tuple[float, float]] = []  # from which moment of its clock it is how many seconds ahead

    def control(self, method: str, path: str, body: object = None) -> Json:
        """One call. Raises Refused for a 4xx."""
        answer = _session().request(method, f"{self.url}/sandbox/v1/{path}", json=body, timeout=60)
        if 400 <= answer.status_code < 500:
            raise Refused(f"{method} {path}: {answer.status_code}")
        answer.raise_for_status()
        return dict(answer.json()) if answer.content else {}

    def conversation(self, sid: str) -> Json:
        """Everything about one conversation."""
        return self.control("GET", f"conversations/{sid}")

    def advance(self, seconds: float) -> None:
        """Let time pass there. Must not be called by two threads at once."""
        before = time.time() + self.ahead()
        self.control("POST", "clock", {"advance_s": seconds, "wait": False})
        self._leaps.append((before + seconds / 2, self.ahead() + seconds))

    def ahead(self, moment: float | None = None) -> float:
        """By how many seconds its clock was ahead of ours at a moment of its own; at the end if none is given."""
        known = len(self._leaps) if moment is None else bisect_right([at for at, _ in self._leaps], moment)
        return self._leaps[known - 1][1] if known else 0.0

    def twilio(self, path: str, form: Mapping[str, str], login: tuple[str, str]) -> int:
        """A POST of somebody else's to Twilio's REST API; its status, 0 if no answer came."""
        try:
            return _session().post(f"{self.url}/v1/{path}", data=form, auth=login, timeout=20).status_code
        except requests.RequestException:
            return 0

    def tasks(self, workspace_sid: str, statuses: str, login: tuple[str, str]) -> Iterator[Json]:
        """The tasks in certain states (comma-separated), by Twilio's REST API, a page at a time."""
        url: str | None = f"{self.url}/v1/Workspaces/{workspace_sid}/Tasks?AssignmentStatus={statuses}&PageSize={PAGE}"
        while url:
            answer = _session().get(url, auth=login, timeout=60)
            answer.raise_for_status()
            page = answer.json()
            yield from page["tasks"]
            url = page["meta"]["next_page_url"]


class Service:
    """The service as an app sees it, which knows the addresses of several web processes."""

    def __init__(self, urls: tuple[str, ...], token: str) -> None:
        self._urls = urls
        self._headers = {"Authorization": f"Bearer {token}"}

    def post(self, path: str, body: object, *, key: str | None = None, turn: int = 0) -> tuple[int, Json]:
        """Status and JSON; status 0 if no answer came. ``turn`` says which web process is asked."""
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        url = f"{self._urls[turn % len(self._urls)]}/v1/{path}"
        try:
            answer = _session().post(url, json=body, headers=headers, timeout=20)
            return answer.status_code, dict(answer.json()) if answer.content else {}
        except (requests.RequestException, ValueError):
            return 0, {}

    def get(self, path: str) -> Json | None:
        """One record; None if there is none. Raises requests.RequestException while the service is away."""
        answer = _session().get(f"{self._urls[0]}/v1/{path}", headers=self._headers, timeout=30)
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        return dict(answer.json())

    def invites(self, query: str = "") -> list[Json]:
        """Every invite that a query finds. Raises requests.RequestException while the service is away."""
        found: list[Json] = []
        cursor = ""
        while True:
            page = self.get(f"invites?limit={LISTED}{query}{cursor}")
            assert page is not None
            found += page["invites"]
            if not page["next_cursor"]:
                return found
            cursor = f"&cursor={page['next_cursor']}"
