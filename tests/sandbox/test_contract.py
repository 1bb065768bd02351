"""Every answer of the local Twilio, and every request of the walk, held to Twilio's own OpenAPI files."""

from pathlib import Path

import pytest

from service.sandbox.server import RunningSandbox
from tests.sandbox.calls import Caller
from tests.sandbox.contract import Contract
from tests.sandbox.walk import Walk

pytestmark = pytest.mark.contract

# What the files publish below the same paths and the local Twilio does not have.
LEFT_OUT = (
    "Transfers",
    "/v1/Workspaces POST",
    "/v1/Workspaces/{Sid} DELETE",
    "/TaskChannels POST",
    "/TaskChannels/{Sid} POST",
    "/TaskChannels/{Sid} DELETE",
    "/Activities/{Sid} POST",
    "/Activities/{Sid} DELETE",
    "/TaskQueues/{Sid} DELETE",
    "/Workflows/{Sid} DELETE",
    "/Workers/{Sid} DELETE",
    "/Workers/{WorkerSid}/Statistics",
    "/Workers/Statistics",
    "/Workers/CumulativeStatistics",
    "/Workers/RealTimeStatistics",
    "/Workflows/{WorkflowSid}/",
    "/v1/Workspaces/{WorkspaceSid}/Statistics GET",
    "/TaskQueues/RealTimeStatistics POST",  # its request body is published empty: it has a test of its own
    "/Conversations/{ConversationSid}/Messages/{Sid} POST",
    "/Conversations/{ConversationSid}/Messages/{Sid} DELETE",
    "/Conversations/{ConversationSid}/Participants/{Sid} POST",
    "/Receipts",
)


@pytest.fixture
def contract(openapi_dir: Path) -> Contract:
    return Contract(openapi_dir)


def test_walk_keeps_the_contract(contract: Contract, caller: Caller, sandbox: RunningSandbox) -> None:
    faults = []
    for step in Walk(caller).go():
        host = sandbox.base_url
        faults += contract.check_response(step.method, host, step.path, step.status, step.body)
        if step.status < 400:
            faults += contract.check_request(step.method, host, step.path, step.form)
    assert faults == []


def test_walk_leaves_nothing_out(contract: Contract, caller: Caller) -> None:
    seen = {contract.name_of(step.method, step.path) for step in Walk(caller).go()}
    roots = ("/v1/Interactions", "/v1/Workspaces", "/v1/Conversations", "/v1/ParticipantConversations")
    published = {name for name in contract.names() if name.startswith(roots)}
    assert {name for name in published - seen if not any(part in name for part in LEFT_OUT)} == set()


@pytest.mark.parametrize(
    ("method", "path", "form", "told"),
    [
        pytest.param("POST", "/v1/Interactions", {"Chanel": "{}"}, "Chanel is not published", id="unknown"),
        pytest.param("POST", "/v1/Interactions", {"Routing": "{}"}, "Channel is missing", id="missing"),
        pytest.param("POST", "/v1/Interactions", {"Channel": "{"}, "Channel has a value", id="no JSON"),
        pytest.param(
            "POST",
            f"/v1/Interactions/KD{'0' * 32}/Channels/UO{'0' * 32}",
            {"Status": "active"},
            "Status has a value",
            id="enum",
        ),
        pytest.param("GET", f"/v1/Interactions/KD{'0' * 31}", {}, "no such SID", id="SID"),
        pytest.param("GET", "/v1/Nothing", {}, "not published", id="path"),
        pytest.param(
            "GET", f"/v1/Workspaces/WS{'0' * 32}/Events", {"Minutes": "many"}, "Minutes has a value", id="number"
        ),
    ],
)
def test_wrong_request_is_told(contract: Contract, method: str, path: str, form: dict[str, object], told: str) -> None:
    faults = contract.check_request(method, "flex-api.twilio.com" if "Inter" in path else "", path, form)
    assert any(told in fault for fault in faults)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        pytest.param(200, {"sid": "KD1"}, "sid", id="SID"),
        pytest.param(200, {"sid": f"KD{'0' * 32}", "colour": "red"}, "colour is not published", id="unknown key"),
        pytest.param(200, {"url": "nowhere"}, "url", id="no address"),
        pytest.param(204, None, "status 204", id="status"),
        pytest.param(404, {"message": "gone"}, "an error without", id="error"),
    ],
)
def test_wrong_answer_is_told(contract: Contract, status: int, body: object, told: str) -> None:
    path = f"/v1/Interactions/KD{'0' * 32}"
    faults = contract.check_response("GET", "flex-api.twilio.com", path, status, body)
    assert any(told in fault for fault in faults)
