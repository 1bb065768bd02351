"""The workspace that the local Twilio starts with. SIDs are the same on every start.

Workers start offline: nobody takes anything until somebody goes online, so every run begins the same way.
"""

import json
from dataclasses import dataclass, field

from service.sandbox.attendance import note_attendance
from service.sandbox.clock import Clock
from service.sandbox.routing import settle
from service.sandbox.sids import named_sid
from service.sandbox.state import (
    Activity,
    TaskChannel,
    TaskQueue,
    Worker,
    WorkerChannel,
    Workflow,
    Workspace,
)
from service.sandbox.switches import Switches
from service.sandbox.world import Account, World

ACTIVITIES = {"Offline": False, "Available": True, "Break": False, "Unavailable": False}
TASK_CHANNELS = ("default", "chat", "sms", "email", "voice")
CAPACITY = {"voice": 1}
USUAL_CAPACITY = 3
QUEUES = {
    "everyone": "1==1",
    "support": "skills HAS 'support'",
    "billing": "skills HAS 'billing'",
    "tier2-billing": "skills HAS 'billing' AND tier >= 2",
}
WORKERS: dict[str, dict[str, object]] = {
    "alice": {"skills": ["support"], "tier": 1, "full_name": "Alice Example"},
    "bob": {"skills": ["billing"], "tier": 1, "full_name": "Bob Example"},
    "carol": {"skills": ["billing", "support"], "tier": 2, "full_name": "Carol Example"},
    "dave": {"skills": ["support"], "tier": 1, "full_name": "Dave Example"},
}
KNOWN_WORKER_S = 120
NOT_THERE_YET = "worker.sid NOT IN task.router_workers_present"  # nobody is asked into a conversation they are in


@dataclass(frozen=True)
class Seed:
    """What a fresh world is made from."""

    account: Account
    event_callback_url: str = ""
    switches: Switches = field(default_factory=Switches)
    clock: Clock | None = None
    origin: str = ""


def new_world(seed: Seed) -> World:
    """A world with the seeded workspace."""
    clock = seed.clock or Clock()
    now = clock.now()
    workspace = Workspace(named_sid("WS", "workspace"), "Flex Task Assignment", now, now)
    workspace.event_callback_url = seed.event_callback_url
    world = World(seed.account, workspace, seed.switches, clock, seed.origin)
    clock.after_each = lambda: _after_each(world)
    _activities(world)
    for name in TASK_CHANNELS:
        sid = named_sid("TC", name)
        world.task_channels[sid] = TaskChannel(sid, name, name.capitalize(), now, now)
    for name, expression in QUEUES.items():
        sid = named_sid("WQ", name)
        world.queues[sid] = TaskQueue(sid, name, expression, now, now)
    for name, configuration in _workflows().items():
        sid = named_sid("WW", name)
        world.workflows[sid] = Workflow(sid, name, json.dumps(configuration), now, now)
    for name, attributes in WORKERS.items():
        add_worker(world, named_sid("WK", name), name, attributes)
    return world


def _after_each(world: World) -> None:
    settle(world)
    note_attendance(world)


def add_worker(world: World, sid: str, name: str, attributes: dict[str, object]) -> Worker:
    """A worker in the default activity, with the usual capacities."""
    now = world.now()
    worker = Worker(sid, name, dict(attributes), world.workspace.default_activity_sid, now, now, now, idle_since=now)
    for channel in world.task_channels.values():
        capacity = CAPACITY.get(channel.unique_name, USUAL_CAPACITY)
        own = WorkerChannel(named_sid("WC", sid + channel.sid), channel.sid, capacity, now)
        worker.channels[channel.sid] = own
    world.workers[sid] = worker
    return worker


def _activities(world: World) -> None:
    now = world.now()
    for name, available in ACTIVITIES.items():
        sid = named_sid("WA", name)
        world.activities[sid] = Activity(sid, name, available, now, now)
    world.workspace.default_activity_sid = world.workspace.timeout_activity_sid = named_sid("WA", "Offline")


def _workflows() -> dict[str, object]:
    return {
        "everyone": {"task_routing": {"filters": [], "default_filter": {"queue": named_sid("WQ", "everyone")}}},
        "transfers": {"task_routing": {"filters": [_to_worker(), *map(_to_queue, QUEUES)]}},
        "callbacks": {"task_routing": {"filters": [], "default_filter": {"queue": named_sid("WQ", "support")}}},
    }


def _to_worker() -> dict[str, object]:
    target = {
        "queue": named_sid("WQ", "everyone"),
        "known_worker_sid": "task.router_worker_sid",
        "timeout": KNOWN_WORKER_S,
    }
    return {"filter_friendly_name": "to a worker", "expression": "router_target == 'worker'", "targets": [target]}


def _to_queue(name: str) -> dict[str, object]:
    expression = f"router_target == 'queue' AND router_queue == '{name}'"
    target = {"queue": named_sid("WQ", name), "expression": NOT_THERE_YET}
    return {"filter_friendly_name": f"to {name}", "expression": expression, "targets": [target]}
