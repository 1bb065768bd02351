"""One walk through every endpoint of the local Twilio, each call noted, so that it can be held to the contract."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import requests

from tests.sandbox.calls import Caller

ADDRESS = {"MessagingBinding.Address": "+15550009999", "MessagingBinding.ProxyAddress": "+12125550199"}
HOOK = {
    "Target": "webhook",
    "Configuration.Url": "http://127.0.0.1:9/hook",
    "Configuration.Method": "post",
    "Configuration.Filters": "onMessageAdded",
}


@dataclass(frozen=True)
class Step:
    """A call and its answer. ``form`` is what was sent: form parameters, or the query."""

    method: str
    path: str
    form: Mapping[str, object]
    status: int
    body: object

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.method} {self.path} {self.status}"


class Walk:
    """Calls, and remembers."""

    def __init__(self, caller: Caller) -> None:
        self.steps: list[Step] = []
        self._caller = caller
        caller.session.hooks["response"].append(self._note)

    def go(self) -> list[Step]:
        """Through everything."""
        self._flex()
        self._endings()
        self._moving()
        self._standing()
        self._counting()
        self._conversations()
        self._tokens()
        self._going_on()
        self._refused()
        return self.steps

    def _note(self, response: requests.Response, **_: object) -> None:
        request, parts = response.request, urlsplit(response.url)
        if parts.path.startswith("/v1/"):
            sent = request.body if isinstance(request.body, str) else (request.body or b"").decode()
            form: dict[str, object] = {}
            if request.headers.get("Content-Type") == "application/json":
                form = json.loads(sent)
            elif request.method != "DELETE":
                form = dict(parse_qsl(sent or parts.query, keep_blank_values=True))
            body = response.json() if response.content else None
            self.steps.append(Step(str(request.method), parts.path, form, response.status_code, body))

    def _flex(self) -> None:
        call = self._caller
        sid = call.told("POST", "/conversations", {"channel_type": "sms"})["conversation_sid"]
        made = call.escalate(sid, attributes={"topic": "billing"}, priority=5, timeout=600).json()
        interaction = f"/v1/Interactions/{made['sid']}"
        channel = f"{interaction}/Channels/{made['channel']['sid']}"
        for path in (interaction, f"{interaction}/Channels", channel):
            call.get(path)
        call.post(interaction, {"WebhookTtid": "flex_interactionwebhook_00000000000000000000000000"})
        call.post(f"{channel}/Invites", {"Routing": call.routing(attributes={"topic": "sales"})})
        call.get(f"{channel}/Invites", PageSize=1)
        call.told("POST", "/agents/alice/accept")
        people = call.get(f"{channel}/Participants").json()["participants"]
        call.post(f"{channel}/Participants", {"Type": "supervisor", "MediaProperties": {"identity": "eve"}})
        agent = next(one["sid"] for one in people if one["type"] == "agent")
        call.post(f"{channel}/Participants/{agent}", {"Status": "wrapup"})
        call.post(f"{channel}/Participants/{agent}", {"Status": "closed"})

    def _endings(self) -> None:
        call = self._caller
        for status in ("closed", "inactive"):
            made = call.told("POST", "/conversations", {"channel_type": "web", "interaction": True})
            channel = f"/v1/Interactions/{made['interaction_sid']}/Channels/{made['channel_sid']}"
            call.post(channel, {"Status": status, "Routing": {"status": "closed"}})
            call.get(channel)

    def _moving(self) -> None:
        call, root = self._caller, self._caller.workspace
        form = {"WorkflowSid": call.info["workflows"]["everyone"], "Attributes": {"topic": "x"}, "TaskChannel": "chat"}
        task = f"{root}/Tasks/{call.post(f'{root}/Tasks', form).json()['sid']}"
        call.get(task)
        call.get(f"{root}/Tasks", AssignmentStatus="pending", EvaluateTaskAttributes="topic == 'x'", PageSize=1)
        call.post(task, {"Attributes": {"topic": "y"}})
        call.told("POST", "/agents/dave/online")
        reservation = call.get(f"{task}/Reservations").json()["reservations"][0]
        worker = f"{root}/Workers/{reservation['worker_sid']}"
        call.get(f"{worker}/Reservations")
        for owner in (task, worker):
            call.get(f"{owner}/Reservations/{reservation['sid']}")
        call.post(f"{task}/Reservations/{reservation['sid']}", {"ReservationStatus": "accepted"})
        call.post(f"{worker}/Reservations/{reservation['sid']}", {"ReservationStatus": "wrapping"})
        call.post(task, {"AssignmentStatus": "completed", "Reason": "done"})
        call.delete(f"{root}/Tasks/{call.waiting()[1]}")
        events = call.get(f"{root}/Events", Minutes=60, PageSize=1000).json()["events"]
        call.get(f"{root}/Events/{events[0]['sid']}")

    def _standing(self) -> None:
        call, root, info = self._caller, self._caller.workspace, self._caller.info
        call.get("/v1/Workspaces")
        call.get(root)
        call.post(root, {"EventCallbackUrl": "http://127.0.0.1:9/events", "EventsFilter": "task.created"})
        call.post(root, {"EventCallbackUrl": "", "EventsFilter": ""})
        for kind in ("Activities", "TaskChannels", "TaskQueues", "Workflows", "Workers"):
            call.get(f"{root}/{kind}")
        call.get(f"{root}/Activities/{info['activities']['Offline']}")
        call.post(f"{root}/Activities", {"FriendlyName": "Lunch", "Available": False})
        call.get(f"{root}/TaskChannels/{info['task_channels']['chat']}")
        queue = f"{root}/TaskQueues/{info['queues']['billing']}"
        call.get(queue)
        call.post(f"{root}/TaskQueues", {"FriendlyName": "new", "TargetWorkers": "tier > 1"})
        call.post(queue, {"TargetWorkers": "skills HAS 'billing'"})
        workflow = f"{root}/Workflows/{info['workflows']['everyone']}"
        configuration = call.get(workflow).json()["configuration"]
        call.post(f"{root}/Workflows", {"FriendlyName": "new", "Configuration": configuration})
        call.post(workflow, {"TaskReservationTimeout": "60"})
        self._workers()

    def _workers(self) -> None:
        call, root, info = self._caller, self._caller.workspace, self._caller.info
        worker = f"{root}/Workers/{info['workers']['bob']}"
        call.get(worker)
        call.post(f"{root}/Workers", {"FriendlyName": "erin", "Attributes": {"skills": []}})
        call.post(worker, {"ActivitySid": info["activities"]["Break"]})
        channel = call.get(f"{worker}/Channels").json()["channels"][0]["sid"]
        call.get(f"{worker}/Channels/{channel}")
        call.post(f"{worker}/Channels/{channel}", {"Capacity": "5"})

    def _counting(self) -> None:
        call, root = self._caller, self._caller.workspace
        call.get(f"{root}/RealTimeStatistics")
        call.get(f"{root}/CumulativeStatistics")
        call.get(f"{root}/TaskQueues/Statistics")
        queue = f"{root}/TaskQueues/{call.info['queues']['everyone']}"
        for kind in ("Statistics", "RealTimeStatistics", "CumulativeStatistics"):
            call.get(f"{queue}/{kind}", **({} if kind.startswith("Real") else {"Minutes": 60}))

    def _conversations(self) -> None:
        call = self._caller
        form = {"FriendlyName": "Walk", "Timers.Inactive": "PT5M", "Timers.Closed": "PT1H", "Attributes": {"a": 1}}
        one = f"/v1/Conversations/{call.post('/v1/Conversations', form).json()['sid']}"
        call.get(one)
        call.get("/v1/Conversations", State="active")
        member = call.post(f"{one}/Participants", ADDRESS).json()["sid"]
        call.post(f"{one}/Participants", {"Identity": "walker"})
        message = call.post(f"{one}/Messages", {"Author": "system", "Body": "Hi"}).json()["sid"]
        call.post(f"{one}/Messages", {"Author": "system", "Body": "Hi"}, **{"X-Twilio-Webhook-Enabled": "true"})
        hook = call.post(f"{one}/Webhooks", HOOK).json()["sid"]
        call.post(f"{one}/Webhooks/{hook}", {"Configuration.Url": "http://127.0.0.1:9/other"})
        for path in ("Participants", "Messages", "Webhooks"):
            call.get(f"{one}/{path}")
        for path in (f"Participants/{member}", f"Messages/{message}", f"Webhooks/{hook}"):
            call.get(f"{one}/{path}")
        call.get("/v1/ParticipantConversations", Address=ADDRESS["MessagingBinding.Address"])
        call.get("/v1/ParticipantConversations", Identity="walker")
        call.post(one, {"Attributes": {"a": 2, "b": [1]}})
        call.delete(f"{one}/Webhooks/{hook}")
        call.delete(f"{one}/Participants/{member}")
        call.post(one, {"State": "closed"})
        call.delete(one)

    def _tokens(self) -> None:
        call = self._caller
        token = call.told("POST", "/agents/alice/token", {"roles": ["agent", "supervisor"]})["token"]
        call.validate(token)
        call.told("DELETE", "/agents/alice/token")
        call.validate(token)
        call.validate("")

    def _going_on(self) -> None:
        """What a channel and its tasks look like while it is paused, resumed, left and written to again."""
        call = self._caller
        sid, task = call.waiting()
        interaction = f"/v1/Interactions/{call.told('GET', f'/conversations/{sid}')['interaction_sid']}"
        call.told("POST", "/agents/alice/fail_setup", {"task_sid": task})
        call.told("POST", "/agents/dave/accept", {"task_sid": task, "on_hold_s": 5})
        call.get(f"{call.workspace}/Tasks/{task}/Reservations")
        call.told("POST", "/clock", {"advance_s": 5})
        for deed in ("pause", "resume", "leave"):
            call.told("POST", f"/agents/dave/{deed}")
            call.get(f"{interaction}/Channels")
        call.told("POST", f"/conversations/{sid}/messages", {"body": "I am back"})
        call.get(f"{interaction}/Channels")
        call.get(f"{call.workspace}/Tasks", PageSize=1000)

    def _refused(self) -> None:
        call = self._caller
        call.get(f"/v1/Conversations/CH{'0' * 32}")
        call.get(f"{call.workspace}/Tasks/WT{'0' * 32}")
        call.post("/v1/Interactions", {"Channel": {}, "Routing": {}})
