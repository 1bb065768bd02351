"""The control plane as it is promised: names, answers, refusals."""

import pytest

from service.sandbox.acts import ACTS
from service.sandbox.clock import parse_iso
from service.sandbox.server import ACCOUNT_SID, AUTH_TOKEN, RunningSandbox, SandboxOptions, start_sandbox
from tests.sandbox.calls import Caller, eventually

ACTS_ON_A_TASK = tuple(name for name in ACTS if name not in ("online", "offline"))
NAMES = {
    "workflows": {"everyone", "transfers", "callbacks"},
    "queues": {"everyone", "support", "billing", "tier2-billing"},
    "workers": {"alice", "bob", "carol", "dave"},
}


def test_info_names_everything(caller: Caller) -> None:
    info = caller.told("GET", "/info")
    assert {kind: set(info[kind]) for kind in NAMES} == NAMES
    assert (info["account_sid"], info["auth_token"]) == (ACCOUNT_SID, AUTH_TOKEN)
    assert info["service_api_key"] == "key.of-the-service"


def test_seeded_sids_are_the_same_on_every_start(caller: Caller) -> None:
    other = start_sandbox(SandboxOptions(port=0))
    try:
        again = Caller(other.base_url).info
    finally:
        other.close()
    kinds = ("workspace_sid", "workflows", "queues", "workers", "task_channels", "activities")
    assert {kind: again[kind] for kind in kinds} == {kind: caller.info[kind] for kind in kinds}


@pytest.mark.parametrize("kind", ["web", "sms", "whatsapp", "messenger", "chat", "email", "voice"])
def test_customer_arrives_on_any_channel(caller: Caller, kind: str) -> None:
    sid = caller.told("POST", "/conversations", {"channel_type": kind, "body": "Hello there"})["conversation_sid"]
    told = caller.told("GET", f"/conversations/{sid}")
    assert (told["state"], told["channel_type"], told["messages"][0]["body"]) == ("active", kind, "Hello there")
    assert [one["type"] for one in told["participants"]] == ["customer"]


def test_interaction_has_been_through_flex(caller: Caller) -> None:
    made = caller.told("POST", "/conversations", {"channel_type": "web", "interaction": True})
    told = caller.told("GET", f"/conversations/{made['conversation_sid']}")
    assert {name: told[name] for name in made} == made
    assert [task["assignment_status"] for task in told["tasks"]] == ["completed"]
    assert told["channel_status"] == "active"


def test_plain_conversation_has_no_interaction(caller: Caller) -> None:
    assert set(caller.told("POST", "/conversations", {"channel_type": "web"})) == {"conversation_sid"}


@pytest.mark.parametrize("by", ["name", "sid"])
def test_agent_is_named_either_way(caller: Caller, by: str) -> None:
    _, task = caller.waiting()
    name = "alice" if by == "name" else caller.info["workers"]["alice"]
    told = caller.told("POST", f"/agents/{name}/accept", {"task_sid": task})
    assert (told["task_sid"], told["assignment_status"]) == (task, "assigned")


def test_accept_without_task_takes_the_oldest(caller: Caller) -> None:
    caller.told("POST", "/agents/alice/online")
    first, second = caller.waiting()[1], caller.waiting()[1]
    assert caller.told("POST", "/agents/alice/accept")["task_sid"] == first
    assert caller.told("POST", "/agents/alice/accept")["task_sid"] == second


@pytest.mark.parametrize("deed", ACTS_ON_A_TASK)
def test_deed_without_anything_to_do_is_a_conflict(caller: Caller, deed: str) -> None:
    response = caller.control("POST", f"/agents/alice/{deed}")
    assert response.status_code == 409
    assert "alice" in response.json()["error"]


def test_task_of_another_queue_is_a_conflict(caller: Caller) -> None:
    attributes = {"router_target": "queue", "router_queue": "billing", "router_workers_present": []}
    _, task = caller.waiting("transfers", attributes=attributes)
    assert caller.control("POST", "/agents/alice/accept", {"task_sid": task}).status_code == 409
    assert caller.control("POST", "/agents/bob/accept", {"task_sid": task}).status_code == 200


def test_ignored_reservation_rings_out(caller: Caller) -> None:
    sid, task = caller.waiting()
    assert caller.told("POST", "/agents/alice/ignore")["task_sid"] == task
    caller.told("POST", "/clock", {"advance_s": 120})
    reservations = caller.told("GET", f"/conversations/{sid}")["tasks"][0]["reservations"]
    assert [(one["worker"], one["status"], one["ignored"]) for one in reservations] == [("alice", "timeout", True)]


def test_clock_tells_the_time_it_has_reached(caller: Caller) -> None:
    before = parse_iso(caller.told("GET", "/clock")["now"])
    after = parse_iso(caller.told("POST", "/clock", {"advance_s": 90_000})["now"])
    assert 90_000 <= after - before < 90_060


def test_time_passes_by_itself_too(caller: Caller) -> None:
    sid, _ = caller.waiting(timeout=1)
    eventually(lambda: caller.told("GET", f"/conversations/{sid}")["tasks"][0]["assignment_status"] == "canceled")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        pytest.param("POST", "/conversations", {"channel_type": "fax"}, 400, "channel_type", id="channel type"),
        pytest.param("POST", "/conversations", {"adress": "x"}, 400, "adress", id="unknown field"),
        pytest.param("POST", "/conversations", {"interaction": "yes"}, 400, "interaction", id="no truth value"),
        pytest.param("POST", "/conversations", {"address": 7}, 400, "address", id="no text"),
        pytest.param("POST", "/conversations", [1], 400, None, id="no object"),
        pytest.param("POST", "/clock", {"advance_s": -1}, 400, "advance_s", id="backwards"),
        pytest.param("POST", "/clock", {"advance_s": "1"}, 400, "advance_s", id="no number"),
        pytest.param("POST", "/agents/zoe/accept", None, 404, None, id="unknown worker"),
        pytest.param("POST", "/agents/alice/sleep", None, 404, None, id="unknown deed"),
        pytest.param("GET", "/conversations/CH1", None, 404, None, id="unknown conversation"),
        pytest.param("GET", "/nothing", None, 404, None, id="unknown path"),
        pytest.param("PUT", "/clock", None, 405, None, id="unknown method"),
        pytest.param("GET", "/log?since=1", None, 400, "since", id="unknown parameter"),
        pytest.param("POST", "/switches", {"setup": 1}, 400, "setup", id="unknown switch"),
        pytest.param("POST", "/switches", {"second_close": "maybe"}, 400, "second_close", id="switch value"),
        pytest.param("POST", "/switches", {"setup_fails": 1}, 400, "setup_fails", id="switch no truth value"),
        pytest.param("POST", "/switches", {"setup_s": -1}, 400, "setup_s", id="switch negative"),
        pytest.param("POST", "/streams", {"url": "ftp://x"}, 400, "url", id="sink"),
    ],
)
def test_wrong_request_is_refused_by_name(
    caller: Caller, method: str, path: str, body: object, status: int, field: str | None
) -> None:
    response = caller.control(method, path, body)
    assert (response.status_code, response.json()["field"]) == (status, field)
    assert response.json()["error"]


def test_message_into_closed_conversation_is_a_conflict(caller: Caller) -> None:
    sid = caller.told("POST", "/conversations", {"channel_type": "web"})["conversation_sid"]
    caller.post(f"/v1/Conversations/{sid}", {"State": "closed"})
    assert caller.control("POST", f"/conversations/{sid}/messages", {"body": "Hello?"}).status_code == 409


def test_switches_can_be_thrown(caller: Caller) -> None:
    caller.told("POST", "/switches", {"second_close": "refuse", "setup_s": 2})
    shown = caller.told("GET", "/switches")["switches"]
    assert (shown["second_close"]["value"], shown["second_close"]["default"]) == ("refuse", "ok")
    assert shown["setup_s"]["value"] == 2


def test_reset_starts_anew(caller: Caller) -> None:
    sid, _ = caller.waiting()
    caller.told("POST", "/faults", {"match": "Workers", "status": 503})
    caller.told("POST", "/switches", {"second_close": "refuse"})
    caller.told("POST", "/reset")
    assert caller.control("GET", f"/conversations/{sid}").status_code == 404
    assert caller.get(f"{caller.workspace}/Workers").status_code == 200
    assert caller.told("GET", "/switches")["switches"]["second_close"]["value"] == "ok"
    assert caller.waiting()[1].startswith("WT")


def test_service_address_becomes_the_callback_url() -> None:
    running = start_sandbox(SandboxOptions(port=0, service_base_url="http://127.0.0.1:8080/"))
    try:
        wanted = "http://127.0.0.1:8080/v1/events/taskrouter#rc=5&rp=all"
        assert Caller(running.base_url).info["event_callback_url"] == wanted
    finally:
        running.close()


def test_front_page_lists_the_control_plane(sandbox: RunningSandbox, caller: Caller) -> None:
    page = caller.get("/").json()
    wanted = {
        "POST /sandbox/v1/agents/<worker>/<name>",
        "POST /sandbox/v1/agents/<worker>/token",
        "POST /sandbox/v1/acts",
        "GET /sandbox/v1/conversations/<sid>/attendance",
    }
    assert wanted <= set(page["control"])
    assert sandbox.port == int(caller.base_url.rsplit(":", 1)[1])
