"""The parts that the model drives: a real store, the real gateway, and a Twilio whose time and callbacks stand still
until the model says so. Events are kept here, and given to the service in whatever order is drawn.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import redis
import requests

from service.app import create_reconciler
from service.intake.payloads import parse_taskrouter_form
from service.model import Invite, Kind, Mode, Origin, Plan, Release, Route, RoutingRequest, State, TaskEvent
from service.reconcile.catch_up import catch_up
from service.reconcile.loop import Reconciler
from service.reconcile.parts import Parts
from service.reconcile.work import work
from service.sandbox.acts import act, customer_writes
from service.sandbox.customers import Arrival, customer_arrives
from service.sandbox.interactions import NewInteraction, create_interaction, create_invite
from service.sandbox.judge import verdict
from service.sandbox.refusals import ControlRefused, Refused
from service.sandbox.seats import agents_on, close_participant
from service.sandbox.server import RunningSandbox
from service.sandbox.state import LIVE_TASK, Channel, Outgoing, Task, Worker
from service.sandbox.tasks import delete
from service.settings import load_settings
from service.tracking.records import PARTITIONS, key, new_invite_id
from service.tracking.store import Store

ONE_REQUEST = "POST /v1/Interactions"
TASK_S = 600


@dataclass
class Stage:
    """One service and one Twilio. ``start_anew`` before each example."""

    sandbox: RunningSandbox
    redis: "redis.Redis"
    reconciler: Reconciler
    posted: list[TaskEvent] = field(default_factory=list)
    advanced_ms: int = 0
    closings: Counter[str] = field(default_factory=Counter)
    _read_to: int = 0

    def start_anew(self) -> None:
        """Nothing has ever happened."""
        self.redis.flushall()
        self.control("POST", "reset")
        self.posted.clear()
        self.closings.clear()
        self.advanced_ms = 0

    @property
    def parts(self) -> Parts:
        """The store, Twilio, and the paces."""
        return self.reconciler.parts

    @property
    def store(self) -> Store:
        """The tracked invites."""
        return self.parts.store

    def now_ms(self) -> int:
        """The time that the service is told is Twilio's."""
        return int(self.sandbox.world.clock.now() * 1000)

    def control(self, method: str, path: str, body: object = None) -> dict:  # type: ignore[type-arg]  # free-form JSON
        """One call of the control plane."""
        answer = requests.request(method, f"{self.sandbox.base_url}/sandbox/v1/{path}", json=body, timeout=20)
        answer.raise_for_status()
        return dict(answer.json())

    # -- Twilio

    def take_post(self, outgoing: Outgoing) -> None:
        """Instead of delivering a callback, Twilio puts it here."""
        event = parse_taskrouter_form(urlencode(outgoing.form).encode())
        if event is not None and event.task_sid:
            self.posted.append(event)

    def customer(self, *, served_before: bool) -> str:
        """A customer has written, perhaps after an agent has served them and left; the conversation's SID."""
        with self.sandbox.world.turn():
            made = customer_arrives(self.sandbox.world, Arrival("web", None, None, None), interaction=served_before)
        return str(made["conversation_sid"])

    def others_ask(self, conversation_sid: str) -> None:
        """Another application makes a task for the conversation."""
        world = self.sandbox.world
        conversation = world.conversations[conversation_sid]
        properties = {"workspace_sid": world.workspace.sid, "workflow_sid": self.workflow, "timeout": TASK_S}
        routing = {"properties": {**properties, "task_channel_unique_name": "chat", "attributes": {}}}
        media = {"media_channel_sid": conversation_sid}
        channel = {"type": "web", "initiated_by": "customer", "properties": media}
        try:
            with world.turn():
                if conversation.channel_sids:
                    create_invite(world, world.channels[conversation.channel_sids[-1]], routing)
                else:
                    create_interaction(world, NewInteraction(channel, routing))
        except Refused:
            return  # it is closed

    @property
    def workflow(self) -> str:
        """The SID of the workflow that everybody is in."""
        world = self.sandbox.world
        return next(one.sid for one in world.workflows.values() if one.friendly_name == "everyone")

    def tasks(self, conversation_sid: str, *statuses: str) -> list[Task]:
        """The tasks of a conversation that are in one of ``statuses``, oldest first."""
        world = self.sandbox.world
        channels = [world.channels[sid] for sid in world.conversations[conversation_sid].channel_sids]
        return [task for channel in channels for task in world.tasks_of(channel) if task.status in statuses]

    def answer(self, conversation_sid: str, deed: str, worker: str) -> None:
        """The newest task that waits is answered: by whom it rings at, or by ``worker``."""
        world = self.sandbox.world
        for task in self.tasks(conversation_sid, "pending", "reserved")[-1:]:
            reservations = [world.reservations[sid] for sid in world.reservations_of_task[task.sid]]
            ringing = [world.workers[one.worker_sid].friendly_name for one in reservations if one.status == "pending"]
            self.agent(ringing[0] if ringing else worker, deed, task.sid)

    def end(self, conversation_sid: str, deed: str) -> None:
        """Whoever has come first goes first."""
        world = self.sandbox.world
        for task in self.tasks(conversation_sid, "assigned", "wrapping")[:1]:
            holder = next(one for one in world.workers.values() if self._holds(one, task))
            self.agent(holder.friendly_name, deed, task.sid)

    def _holds(self, worker: Worker, task: Task) -> bool:
        return any(self.sandbox.world.reservations[sid].task_sid == task.sid for sid in worker.reservations)

    def agent(self, worker: str, deed: str, task_sid: str) -> None:
        """An agent acts, if it can be done."""
        world = self.sandbox.world
        who = next(one for one in world.workers.values() if one.friendly_name == worker)
        try:
            with world.turn():
                act(world, who, deed, task_sid)
        except (ControlRefused, Refused):
            return  # nothing rings, or somebody else has it

    def delete(self, conversation_sid: str) -> None:
        """Somebody deletes the newest task that lives. An agent who holds it stays on the channel."""
        for task in self.tasks(conversation_sid, *LIVE_TASK)[-1:]:
            with self.sandbox.world.turn():
                delete(self.sandbox.world, task)

    def shift_ends(self) -> None:
        """Whoever holds a task completes it, and whoever still sits on a channel leaves."""
        world = self.sandbox.world
        for worker in world.workers.values():
            held = [world.tasks[world.reservations[sid].task_sid] for sid in list(worker.reservations)]
            for task in held:
                if task.status in ("assigned", "wrapping"):
                    self.agent(worker.friendly_name, "complete", task.sid)
        for channel in world.channels.values():
            for person in agents_on(channel):
                with world.turn():
                    close_participant(world, channel, person)

    def write(self, conversation_sid: str) -> None:
        """The customer writes again, if the conversation is open."""
        world = self.sandbox.world
        with world.turn():
            if world.conversations[conversation_sid].state != "closed":
                customer_writes(world, world.conversations[conversation_sid], "Hello?")

    def pass_time(self, seconds: int) -> None:
        """Time goes on, at Twilio and for the service."""
        with self.sandbox.world.turn():
            self.sandbox.world.clock.advance(seconds)
        self.advanced_ms += seconds * 1000

    def judge(self) -> dict[str, object]:
        """The judge's lists."""
        with self.sandbox.world.turn():
            return verdict(self.sandbox.world)

    def attended(self) -> set[str]:
        """The open channels on which somebody is, is on the way, or which were left on purpose; their conversations."""
        world = self.sandbox.world
        found = [
            channel for channel in world.channels.values() if channel.status != "closed" and self._cared_for(channel)
        ]
        return {sid for channel in found for sid in (channel.sid, channel.conversation_sid)}

    def _cared_for(self, channel: Channel) -> bool:
        live = any(task.status in LIVE_TASK for task in self.sandbox.world.tasks_of(channel))
        return channel.status == "inactive" or live or bool(agents_on(channel))

    def closed(self) -> set[str]:
        """The channels and the conversations that are closed."""
        world = self.sandbox.world
        channels = {sid for sid, channel in world.channels.items() if channel.status == "closed"}
        return channels | {sid for sid, one in world.conversations.items() if one.state == "closed"}

    def count_closings(self) -> None:
        """Take note of every closing that the service has asked for since the last time."""
        for entry in self.control("GET", f"log?kind=api&after={self._read_to}")["entries"]:
            self._read_to = entry["seq"]
            closing = entry["form"].get("Status") == "closed" and "/Participants/" not in entry["path"]
            if closing or entry["form"].get("State") == "closed":
                self.closings[entry["path"]] += 1

    # -- the service

    def draft(self, conversation_sid: str, *, steps: int, on_lapse: str, old_worker: str | None) -> Invite:
        """A request as the door writes it down; a cold transfer if an agent hands over."""
        kind = Kind.TRANSFER if old_worker else Kind.ESCALATION
        request = RoutingRequest(
            kind,
            conversation_sid,
            channel_type="web",
            origin=Origin(old_worker) if old_worker else None,
            mode=Mode.COLD if old_worker else None,
            release=Release.ON_ACCEPT if old_worker else None,
        )
        route = Route(self.workflow, "everyone", task_channel="chat", timeout_s=TASK_S)
        interaction_sid, channel_sid = self.store.thread_of(conversation_sid) or (None, None)
        return Invite(
            id=new_invite_id(conversation_sid), kind=kind, state=State.REQUESTED, created_at_ms=0, request=request,
            plan=Plan("model", "ab" * 32, (route,) * steps, on_lapse, "Goodbye"), interaction_sid=interaction_sid,
            channel_sid=channel_sid, conversation_sid=conversation_sid,
        )  # fmt: skip

    def catch_up(self) -> None:
        """Read the Events API now."""
        self.redis.delete("flex:{00}:catchup-turn")
        catch_up(self.parts, every_s=1)

    def work_on(self, invite_id: str) -> None:
        """A record's time has come."""
        work(self.parts, self.reconciler.book, invite_id, now_ms=self.now_ms())

    def records(self) -> dict[str, Invite]:
        """Every record, in the order in which they came to be: ids are random, and an example must be repeatable."""
        tasks = {sid: number for number, sid in enumerate(self.sandbox.world.tasks)}
        rows = self.store.newest(before=None, most=10_000)
        found = self.store.get_many([name for _, name in rows])
        found.sort(key=lambda one: (one.created_at_ms, tasks.get(one.task_sid or "", -1)))
        return {one.id: one for one in found}

    def due(self) -> list[str]:
        """Every entry of every due index, an id as often as it stands in one."""
        pipe = self.redis.pipeline(transaction=False)
        for partition in range(PARTITIONS):
            pipe.zrange(key(partition, "due"), 0, -1)
        return [str(name) for names in pipe.execute() for name in names]


def build(sandbox: RunningSandbox, client: "redis.Redis", redis_url: str, rules: Path) -> Stage:
    """The real parts, on a Twilio in this process."""
    account = sandbox.world.account
    settings = load_settings(
        {
            "TWILIO_ACCOUNT_SID": account.sid,
            "TWILIO_AUTH_TOKEN": account.token,
            "TWILIO_WORKSPACE_SID": sandbox.world.workspace.sid,
            "TWILIO_BASE_URL": sandbox.base_url,
            "PUBLIC_BASE_URL": "http://service.example.com",
            "REDIS_URL": redis_url,
            "RULES_FILE": str(rules),
            "CLOSE_GRACE_S": "5",
        }
    )
    stage = Stage(sandbox, client, create_reconciler(settings))
    sandbox.world.send = stage.take_post
    return stage
