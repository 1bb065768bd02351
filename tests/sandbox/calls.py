"""Words for talking HTTP to a sandbox: its control plane in JSON, its APIs in forms."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests


class Caller:
    """Talks to one sandbox."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        self.session.trust_env = False
        self.info: dict[str, Any] = self.control("GET", "/info").json()
        self.session.auth = (self.info["account_sid"], self.info["auth_token"])
        self.workspace = f"/v1/Workspaces/{self.info['workspace_sid']}"

    def control(self, method: str, path: str, body: object = None) -> requests.Response:
        """One call of the control plane."""
        return self.session.request(method, f"{self.base_url}/sandbox/v1{path}", json=body, timeout=30)

    def told(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The answer of the control plane, which must be a good one."""
        response = self.control(method, path, body)
        assert response.ok, response.text
        answered: dict[str, Any] = response.json()
        return answered

    def get(self, path: str, **query: str | int) -> requests.Response:
        """GET of an API."""
        return self.session.get(f"{self.base_url}{path}", params=query, timeout=30)

    def post(self, path: str, form: Mapping[str, object] | None = None, **headers: str) -> requests.Response:
        """POST of an API; what is no text is sent as JSON in its parameter."""
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in (form or {}).items()}
        return self.session.post(f"{self.base_url}{path}", data=texts, headers=headers, timeout=30)

    def validate(self, token: object, account_sid: str | None = None) -> requests.Response:
        """Asks whether a Flex token is good."""
        path = f"/v1/Accounts/{account_sid or self.info['account_sid']}/Tokens/validate"
        return self.session.post(f"{self.base_url}{path}", json={"token": token}, timeout=30)

    def delete(self, path: str) -> requests.Response:
        """DELETE of an API."""
        return self.session.delete(f"{self.base_url}{path}", timeout=30)

    def routing(self, workflow: str = "everyone", /, **properties: object) -> dict[str, object]:
        """The Routing of an interaction or invite."""
        usual = {"workspace_sid": self.info["workspace_sid"], "workflow_sid": self.info["workflows"][workflow]}
        return {"properties": {**usual, "task_channel_unique_name": "chat", **properties}}

    def escalate(self, conversation_sid: str, workflow: str = "everyone", /, **properties: object) -> requests.Response:
        """A conversation comes into Flex."""
        channel = {
            "type": "sms",
            "initiated_by": "customer",
            "properties": {"media_channel_sid": conversation_sid},
        }
        return self.post("/v1/Interactions", {"Channel": channel, "Routing": self.routing(workflow, **properties)})

    def waiting(self, workflow: str = "everyone", /, **properties: object) -> tuple[str, str]:
        """A customer has written and been escalated: conversation and task."""
        sid = self.told("POST", "/conversations", {"channel_type": "sms"})["conversation_sid"]
        return sid, self.escalate(sid, workflow, **properties).json()["routing"]["properties"]["sid"]

    def log(self, **query: str | int) -> list[dict[str, Any]]:
        """The entries of the log."""
        entries: list[dict[str, Any]] = self.get("/sandbox/v1/log", **query).json()["entries"]
        return entries


def eventually(holds: Callable[[], object], seconds: float = 10) -> None:
    """Waits until it holds; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold in time"
        time.sleep(0.01)
