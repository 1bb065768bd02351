"""Twilio's own Python SDK, unmodified but for the address, through every resource."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from tests.sandbox.calls import Caller

Sdk = Any  # its published types are not those of what it gives: everything optional, texts declared as enumerations


class Redirected(TwilioHttpClient):
    """The SDK's own client, sent to another address."""

    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=10.0)
        self._base_url = base_url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return super().request(method, f"{self._base_url}{parts.path}{query}", *args, **kwargs)


@pytest.fixture
def twilio(caller: Caller) -> Sdk:
    account, token = caller.info["account_sid"], caller.info["auth_token"]
    client: Sdk = Client(account, token, http_client=Redirected(caller.base_url))  # type: ignore[no-untyped-call]
    return client


@pytest.fixture
def workspace(twilio: Sdk, caller: Caller) -> Sdk:
    return twilio.taskrouter.v1.workspaces(caller.info["workspace_sid"])


def escalated(twilio: Sdk, caller: Caller, **properties: object) -> Sdk:
    sid = caller.told("POST", "/conversations", {"channel_type": "sms"})["conversation_sid"]
    channel = {"type": "sms", "initiated_by": "customer", "properties": {"media_channel_sid": sid}}
    return twilio.flex_api.v1.interaction.create(channel=channel, routing=caller.routing(**properties))


def test_interaction_is_made_and_fetched(twilio: Sdk, caller: Caller) -> None:
    made = escalated(twilio, caller, attributes={"topic": "billing"})
    fetched = twilio.flex_api.v1.interaction(made.sid).fetch()
    assert fetched.routing == made.routing
    assert json.loads(made.routing["properties"]["attributes"])["topic"] == "billing"


def test_channel_is_listed_and_closed(twilio: Sdk, caller: Caller) -> None:
    interaction = twilio.flex_api.v1.interaction(escalated(twilio, caller).sid)
    listed = interaction.channels.list()
    channel = interaction.channels(listed[0].sid)
    assert channel.fetch().status == "active"
    assert channel.update(status="closed", routing={"status": "closed"}).status == "closed"


def test_invites_are_made_and_listed(twilio: Sdk, caller: Caller) -> None:
    made = escalated(twilio, caller)
    channel = twilio.flex_api.v1.interaction(made.sid).channels(made.channel["sid"])
    invite = channel.invites.create(routing=caller.routing(attributes={"n": 1}))
    assert next(one.sid for one in channel.invites.list()) == invite.sid
    assert len(channel.invites.list(page_size=1)) == 2


def test_participants_are_listed_and_closed(twilio: Sdk, caller: Caller) -> None:
    made = escalated(twilio, caller)
    caller.told("POST", "/agents/alice/accept")
    channel = twilio.flex_api.v1.interaction(made.sid).channels(made.channel["sid"])
    agent = next(one for one in channel.participants.list() if one.type == "agent")
    assert agent.routing_properties["worker_sid"] == caller.info["workers"]["alice"]
    channel.participants(agent.sid).update(status="closed")
    assert [one.type for one in channel.participants.list()] == ["customer"]


def test_task_is_found_by_its_attributes(twilio: Sdk, caller: Caller, workspace: Sdk) -> None:
    made = escalated(twilio, caller, attributes={"router_invite_id": "I1"})
    escalated(twilio, caller, attributes={"router_invite_id": "I2"})
    found = workspace.tasks.list(evaluate_task_attributes="router_invite_id == 'I1'", assignment_status=["pending"])
    assert [one.sid for one in found] == [made.routing["properties"]["sid"]]


def test_task_cancel_needs_a_reason(twilio: Sdk, caller: Caller, workspace: Sdk) -> None:
    task = workspace.tasks(escalated(twilio, caller).routing["properties"]["sid"])
    with pytest.raises(TwilioRestException, match="Reason"):
        task.update(assignment_status="canceled")
    canceled = task.update(assignment_status="canceled", reason="tested")
    assert (canceled.assignment_status, canceled.reason) == ("canceled", "tested")


def test_stale_etag_is_refused(twilio: Sdk, caller: Caller, workspace: Sdk) -> None:
    task = workspace.tasks(escalated(twilio, caller).routing["properties"]["sid"])
    with pytest.raises(TwilioRestException) as told:
        task.update(attributes="{}", if_match='"1"')
    assert told.value.status == 412
    assert task.update(attributes="{}", if_match='"4"').attributes == "{}"


def test_ended_task_is_not_found(twilio: Sdk, caller: Caller, workspace: Sdk) -> None:
    task = workspace.tasks(escalated(twilio, caller, timeout=60).routing["properties"]["sid"])
    caller.told("POST", "/clock", {"advance_s": 60 + 300})
    with pytest.raises(TwilioRestException) as told:
        task.fetch()
    assert (told.value.status, told.value.code) == (404, 20404)


def test_reservation_is_accepted_by_the_sdk(twilio: Sdk, caller: Caller, workspace: Sdk) -> None:
    caller.told("POST", "/agents/alice/online")
    task = workspace.tasks(escalated(twilio, caller).routing["properties"]["sid"])
    reservation = task.reservations.list()[0]
    accepted = task.reservations(reservation.sid).update(reservation_status="accepted")
    assert (accepted.reservation_status, task.fetch().assignment_status) == ("accepted", "assigned")


def test_events_come_page_by_page_newest_first(twilio: Sdk, caller: Caller, workspace: Sdk) -> None:
    task = escalated(twilio, caller).routing["properties"]["sid"]
    types = [one.event_type for one in workspace.events.list(task_sid=task, page_size=1)]
    assert types == ["task-queue.entered", "workflow.target-matched", "workflow.entered", "task.created"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param({}, 0, id="fifteen minutes by default"),
        pytest.param({"minutes": 30}, 1, id="minutes"),
        pytest.param({"event_type": "task.canceled", "minutes": 30}, 0, id="type"),
        pytest.param({"workflow_sid": "WW" + "0" * 32, "minutes": 30}, 0, id="workflow"),
        pytest.param({"task_channel": "chat", "minutes": 30}, 1, id="task channel"),
    ],
)
def test_events_are_filtered(twilio: Sdk, caller: Caller, workspace: Sdk, asked: Mapping[str, Any], found: int) -> None:
    escalated(twilio, caller)
    caller.told("POST", "/clock", {"advance_s": 20 * 60})
    wanted = {"event_type": "task.created", **asked}
    assert len(workspace.events.list(**wanted)) == found


def test_events_since_a_date_are_found(twilio: Sdk, caller: Caller, workspace: Sdk) -> None:
    escalated(twilio, caller)
    caller.told("POST", "/clock", {"advance_s": 86_400})
    since = datetime.now(UTC) - timedelta(minutes=1)
    assert len(workspace.events.list(event_type="task.created", start_date=since)) == 1
    until = since - timedelta(hours=1)
    assert workspace.events.list(start_date=until - timedelta(hours=1), end_date=until) == []


def test_names_are_listed(workspace: Sdk, caller: Caller) -> None:
    assert {one.friendly_name: one.sid for one in workspace.workflows.list()} == caller.info["workflows"]
    assert {one.friendly_name: one.sid for one in workspace.task_queues.list()} == caller.info["queues"]
    assert {one.unique_name: one.sid for one in workspace.task_channels.list()} == caller.info["task_channels"]
    assert {one.friendly_name: one.sid for one in workspace.activities.list()} == caller.info["activities"]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        pytest.param({}, {"alice", "bob", "carol", "dave"}, id="all"),
        pytest.param({"available": "true"}, {"bob"}, id="available"),
        pytest.param({"activity_name": "Offline"}, {"alice", "carol", "dave"}, id="activity"),
        pytest.param({"target_workers_expression": "tier >= 2"}, {"carol"}, id="expression"),
        pytest.param({"task_queue_name": "billing"}, {"bob", "carol"}, id="queue"),
        pytest.param({"friendly_name": "dave"}, {"dave"}, id="name"),
    ],
)
def test_workers_are_filtered(workspace: Sdk, caller: Caller, asked: Mapping[str, Any], names: set[str]) -> None:
    caller.told("POST", "/agents/bob/online")
    assert {one.friendly_name for one in workspace.workers.list(**asked)} == names


def test_queues_of_a_worker_are_found(workspace: Sdk, caller: Caller) -> None:
    found = workspace.task_queues.list(worker_sid=caller.info["workers"]["bob"])
    assert {one.friendly_name for one in found} == {"everyone", "billing"}


def test_new_workflow_routes(twilio: Sdk, workspace: Sdk, caller: Caller) -> None:
    queue = workspace.task_queues.create(friendly_name="vip", target_workers="tier == 2")
    configuration = json.dumps({"task_routing": {"default_filter": {"queue": queue.sid}}})
    workflow = workspace.workflows.create(friendly_name="vip", configuration=configuration)
    made = escalated(twilio, caller, workflow_sid=workflow.sid)
    assert made.routing["properties"]["queue_name"] == "vip"


def test_changes_of_the_workspace_are_told(workspace: Sdk, caller: Caller) -> None:
    queue = workspace.task_queues.create(friendly_name="vip")
    workspace.task_queues(queue.sid).update(target_workers="tier == 2")
    configuration = json.dumps({"task_routing": {"default_filter": {"queue": queue.sid}}})
    workflow = workspace.workflows.create(friendly_name="vip", configuration=configuration)
    workspace.workflows(workflow.sid).update(task_reservation_timeout=60)
    workspace.workers.create(friendly_name="erin")
    workspace.workers(caller.info["workers"]["bob"]).update(attributes='{"tier": 3}')
    workspace.activities.create(friendly_name="Lunch")
    assert [one.event_type for one in workspace.events.list()][::-1] == [
        "task-queue.created",
        "task-queue.expression.updated",
        "workflow.created",
        "workflow.updated",
        "worker.created",
        "worker.attributes.update",
        "activity.created",
    ]


def test_workflow_with_unknown_queue_is_refused(workspace: Sdk) -> None:
    configuration = json.dumps({"task_routing": {"default_filter": {"queue": "WQ" + "0" * 32}}})
    with pytest.raises(TwilioRestException) as told:
        workspace.workflows.create(friendly_name="broken", configuration=configuration)
    assert (told.value.status, told.value.code) == (400, 20001)


def test_worker_goes_available_by_the_sdk(twilio: Sdk, workspace: Sdk, caller: Caller) -> None:
    escalated(twilio, caller)
    alice = workspace.workers(caller.info["workers"]["alice"])
    assert alice.update(activity_sid=caller.info["activities"]["Available"]).available
    assert len(alice.reservations.list(reservation_status="pending")) == 1


def test_capacity_is_changed_by_the_sdk(workspace: Sdk, caller: Caller) -> None:
    alice = workspace.workers(caller.info["workers"]["alice"])
    channel = next(one for one in alice.worker_channels.list() if one.task_channel_unique_name == "chat")
    assert alice.worker_channels(channel.sid).update(capacity=9).configured_capacity == 9


def test_queue_statistics_count(twilio: Sdk, workspace: Sdk, caller: Caller) -> None:
    escalated(twilio, caller)
    caller.told("POST", "/clock", {"advance_s": 30})
    queue = workspace.task_queues(caller.info["queues"]["everyone"])
    now = queue.real_time_statistics().fetch()
    assert (now.total_tasks, now.tasks_by_status["pending"], now.longest_task_waiting_age) == (1, 1, 30)
    assert (now.total_eligible_workers, now.total_available_workers) == (4, 0)
    assert queue.cumulative_statistics().fetch().tasks_entered == 1
    whole = queue.statistics().fetch()
    assert (whole.realtime["total_tasks"], whole.cumulative["tasks_entered"]) == (1, 1)


def test_statistics_of_many_queues_at_once(caller: Caller) -> None:
    wanted = {"TaskQueueSids": list(caller.info["queues"].values())}
    url = f"{caller.base_url}{caller.workspace}/TaskQueues/RealTimeStatistics"
    assert caller.session.post(url, json=wanted, timeout=10).json()["task_queue_response_count"] == 4


def test_conversation_lives_by_the_sdk(twilio: Sdk) -> None:
    api = twilio.conversations.v1
    made = api.conversations.create(friendly_name="by the sdk")
    one = api.conversations(made.sid)
    one.participants.create(identity="visitor")
    one.messages.create(author="visitor", body="Hi")
    hook = one.webhooks.create(
        target="webhook",
        configuration_url="http://127.0.0.1:9/hook",
        configuration_filters=["onMessageAdded", "onConversationUpdated"],
    )
    assert hook.configuration["filters"] == ["onMessageAdded", "onConversationUpdated"]
    assert [one.body for one in one.messages.list()] == ["Hi"]
    assert one.webhooks(hook.sid).delete()
    assert str(one.update(state="closed", x_twilio_webhook_enabled="true").state) == "closed"
    with pytest.raises(TwilioRestException, match="closed"):
        one.messages.create(author="visitor", body="Still there?")


def test_conversations_of_an_address_are_found(twilio: Sdk, caller: Caller) -> None:
    arrival = {"channel_type": "sms", "address": "+15550001111"}
    sid = caller.told("POST", "/conversations", arrival)["conversation_sid"]
    found = twilio.conversations.v1.participant_conversations.list(address="+15550001111")
    assert [(one.conversation_sid, str(one.conversation_state)) for one in found] == [(sid, "active")]


def test_wrong_token_is_refused(caller: Caller) -> None:
    stranger = Client(caller.info["account_sid"], "wrong", http_client=Redirected(caller.base_url))  # type: ignore[no-untyped-call]
    with pytest.raises(TwilioRestException) as told:
        stranger.taskrouter.v1.workspaces(caller.info["workspace_sid"]).fetch()
    assert (told.value.status, told.value.code) == (401, 20003)


def test_page_number_without_token_is_refused(caller: Caller) -> None:
    response = caller.get(f"{caller.workspace}/Tasks", Page=1)
    assert (response.status_code, response.json()["code"]) == (400, 40153)


def test_every_answer_has_a_request_id(caller: Caller) -> None:
    for path in (caller.workspace, f"{caller.workspace}/Tasks/WT1", "/v1/Nothing"):
        assert caller.get(path).headers["Twilio-Request-Id"].startswith("RQ")


def test_task_searches_are_limited_if_switched(caller: Caller) -> None:
    caller.told("POST", "/switches", {"task_search_limit_rps": 3})
    query = {"EvaluateTaskAttributes": "topic == 'x'"}
    answers = [caller.get(f"{caller.workspace}/Tasks", **query).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 429, 429]
