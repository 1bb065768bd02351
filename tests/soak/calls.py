"""HTTP to the sandbox's control plane and to the service: one connection a thread, bounded waits, values out."""

import threading
from collections.abc import Mapping
from typing import Any

import requests

Json = dict[str, Any]  # free-form

_own = threading.local()


class Refused(Exception):
    """The sandbox would not do it (4xx): an agent was too late, a conversation is closed."""


def _session() -> requests.Session:
    if not hasattr(_own, "session"):
        _own.session = requests.Session()
    session: requests.Session = _own.session
    return session


class Sandbox:
    """The control plane, and Twilio's REST API as another application uses it."""

    def __init__(self, url: str) -> None:
        self.url = url

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

    def twilio(self, path: str, form: Mapping[str, str], login: tuple[str, str]) -> int:
        """A POST of somebody else's to Twilio's REST API; its status, 0 if no answer came."""
        try:
            return _session().post(f"{self.url}/v1/{path}", data=form, auth=login, timeout=20).status_code
        except requests.RequestException:
            return 0


class Service:
    """The service as an app sees it."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}"}

    def post(self, path: str, body: object, *, key: str | None = None, timeout_s: float = 20) -> tuple[int, Json]:
        """Status and JSON; status 0 if no answer came."""
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        try:
            answer = _session().post(f"{self.url}/v1/{path}", json=body, headers=headers, timeout=timeout_s)
            return answer.status_code, dict(answer.json()) if answer.content else {}
        except (requests.RequestException, ValueError):
            return 0, {}

    def invites(self, query: str = "") -> list[Json]:
        """Every invite that a query finds. Raises requests.RequestException while the service is away."""
        found: list[Json] = []
        cursor = ""
        while True:
            url = f"{self.url}/v1/invites?limit=25{query}{cursor}"
            answer = _session().get(url, headers=self._headers, timeout=30)
            if 400 <= answer.status_code < 500:
                raise AssertionError(f"{url} was answered {answer.status_code}")  # no asking again would mend that
            answer.raise_for_status()
            page = answer.json()
            found += page["invites"]
            if not page["next_cursor"]:
                return found
            cursor = f"&cursor={page['next_cursor']}"
