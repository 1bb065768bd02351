"""The price of one event: ours and the baselines under the same gunicorn, one worker on a core of its own.

Every event is a new one, of a conversation that is tracked unless its row says otherwise. The store is brought back to
the same state before each round.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from service.model import Invite, Kind, Plan, Route, RoutingRequest, State, Thread
from service.tracking.connection import connect
from service.tracking.records import new_invite_id
from service.tracking.store import Store
from tests.bench import shots
from tests.bench.load import Generator
from tests.bench.machine import Cores, cpu_s
from tests.bench.servers import Server, gunicorn, installed_node, node, start_store
from tests.bench.shots import LIFE, event, event_fields, flex_attributes, sid, signed_batch, worker_event
from tests.bench.table import Row, row, warmed

CONNECTIONS = 16  # TaskRouter's, at one time
BATCH = 20
UNREACHABLE = "http://127.0.0.1:9"
THREADS = ("--worker-class", "gthread", "--threads", "32")  # as Flask is served
RULES = "version: 1\ndefault: {workflow: everyone}\n"

EMPTY, USUAL, EXPRESS = "(a) an empty Flask view", "(b) form, SDK signature, EVALSHA", "(c) the same in Express"
RAW, DO_NOTHING = "(d) EVALSHA alone, from one process", "return {'ignored', ARGV[1]}"
MIXED = "events of a tracked task's life, in order"
FOREIGN, FILTERED = "event of a voice task", "event about a worker"


class Scene:
    """The tracked invites, and the shots for one round of every subject."""

    def __init__(self, url: str, count: int) -> None:
        self.url = url
        self._redis = connect(url)
        self._store = Store(self._redis, keep_s=93_600)
        self.count = count
        self.invites = [new_invite_id(sid("CH", number)) for number in range(count)]

    def attributes(self, number: int) -> dict[str, object]:
        """Of the task that was made for invite ``number``."""
        ours = {"router_invite_id": self.invites[number], "router_kind": "escalation", "router_rule": "everyone"}
        return flex_attributes(number) | ours

    def set_up(self, count: int) -> None:
        """So many invites whose task waits, and nothing else."""
        self._redis.flushdb()
        for number in range(count):
            self._store.create(tracked(self.invites[number], number), due_in_s=3600)
        threads = [Thread(sid("KD", number), sid("UO", number), sid("CH", number)) for number in range(count)]
        self._store.remember(*((self.invites[one], sid("WT", one), thread) for one, thread in enumerate(threads)))

    def store_bytes(self) -> int:
        """What the store's data take."""
        return int(self._redis.info("memory")["used_memory_dataset"])


def tracked(invite_id: str, number: int) -> Invite:
    """An escalation whose task has been made."""
    route = Route(sid("WW", 1), "everyone", task_channel="chat", timeout_s=3600)
    request = RoutingRequest(Kind.ESCALATION, sid("CH", number), channel_type="sms", attributes={"topic": "billing"})
    return Invite(
        id=invite_id, kind=Kind.ESCALATION, state=State.PENDING, created_at_ms=0, request=request,
        plan=Plan("everyone", "ab" * 32, (route,)), interaction_sid=sid("KD", number), channel_sid=sid("UO", number),
        conversation_sid=sid("CH", number), invite_sid=sid("KG", number), task_sid=sid("WT", number), attempt=1,
        sent_at_ms=1_795_000_000_000, asked_by="key:bench",
    )  # fmt: skip


def subjects(scene: Scene) -> Mapping[str, Callable[[], list[bytes]]]:
    """What our own service is measured with: a round's shots, each made anew."""

    def each(kind: str) -> list[bytes]:
        return [event(kind, number, scene.attributes(number)) for number in range(scene.count)]

    def mixed() -> list[bytes]:
        tasks = range(scene.count // len(LIFE))
        block = 50  # conversations that go on beside each other
        groups = [tasks[first : first + block] for first in range(0, len(tasks), block)]
        return [event(kind, one, scene.attributes(one)) for group in groups for kind in LIFE for one in group]

    def voice() -> list[bytes]:
        attributes = {"from": "+15550000000", "to": "+15551111111", "direction": "inbound", "call_sid": sid("CA", 1),
                      "conversations": {"communication_channel": "Call", "segment_link": "x" * 400}}  # fmt: skip
        return [event("task.created", 10**6 + number, attributes) for number in range(scene.count)]

    return {
        MIXED: mixed,
        "event that says what is known (task-queue.entered)": lambda: each("task-queue.entered"),
        "event that moves (reservation.accepted)": lambda: each("reservation.accepted"),
        "event that moves (task.canceled)": lambda: each("task.canceled"),
        FOREIGN: voice,
        FILTERED: lambda: [worker_event(number) for number in range(scene.count)],
    }


class Desk:
    """The servers that take turns."""

    def __init__(self, stack: ExitStack, directory: Path, cores: Cores, modules: Path | None) -> None:
        self.store = start_store(directory / "store", cores)
        stack.callback(self.store.close)
        environ = {**shots.ENVIRON, "REDIS_URL": self.store.url, "TWILIO_BASE_URL": UNREACHABLE}
        rules = directory / "rules.yaml"
        rules.write_text(RULES)
        ours = {**environ, "RULES_FILE": str(rules)}
        core = cores.measured
        self.store_cpu_s = partial(cpu_s, self.store.process.pid)
        self.servers: dict[str, Server] = {
            "ours": stack.enter_context(gunicorn("service.app:create_front()", ours, cores=core)),
            EMPTY: stack.enter_context(gunicorn("tests.bench.baselines:empty()", environ, cores=core, options=THREADS)),
            USUAL: stack.enter_context(gunicorn("tests.bench.baselines:usual()", environ, cores=core, options=THREADS)),
        }
        if modules is not None:
            self.servers[EXPRESS] = stack.enter_context(node(environ, cores=core, modules=modules))


def measure(directory: Path, cores: Cores, *, rounds: int, count: int) -> list[Row]:
    """The rows of the event path."""
    with ExitStack() as stack:
        modules = installed_node(Path("build/bench/node"))
        desk = Desk(stack, directory, cores, modules)
        scene = Scene(desk.store.url, count)
        cpu: dict[str, list[float]] = {}
        stores: dict[str, list[float]] = {}

        def run(server: Server, made: Sequence[bytes], name: str, per_shot: int = 1) -> float:
            generator = Generator(server.port, CONNECTIONS)
            try:
                before, store_before = server.cpu_s(), desk.store_cpu_s()
                load = generator.closed(made)
                used, store_used = server.cpu_s() - before, desk.store_cpu_s() - store_before
            finally:
                generator.close()
            assert set(load.statuses) == {204}, f"{name}: {dict(load.statuses)}"
            cpu.setdefault(name, []).append(used / len(made) / per_shot * 1e6)
            stores.setdefault(name, []).append(store_used / len(made) / per_shot * 1e6)
            return load.rate * per_shot

        def ours(name: str, make: Callable[[], list[bytes]]) -> Callable[[], float]:
            def once() -> float:
                scene.set_up(count)
                return run(desk.servers["ours"], make(), name)

            return once

        def again(make: Callable[[], list[bytes]]) -> Callable[[], float]:
            def once() -> float:
                scene.set_up(count)
                made = make()
                run(desk.servers["ours"], made, "first time")
                return run(desk.servers["ours"], made, DUPLICATE)

            return once

        def batches() -> float:
            scene.set_up(count)
            made = list(_batches(scene))
            return run(desk.servers["ours"], made, STREAMED, BATCH)

        def theirs(name: str) -> Callable[[], float]:
            def once() -> float:
                made = [event("task-queue.entered", number, scene.attributes(number)) for number in range(count)]
                return run(desk.servers[name], made, name)

            return once

        makes = subjects(scene)
        turns = {name: theirs(name) for name in desk.servers if name != "ours"}
        turns[RAW] = lambda: evalsha_rate(desk.store.url, count, CONNECTIONS)
        turns |= {name: ours(name, make) for name, make in makes.items()}
        turns |= {DUPLICATE: again(makes["event that moves (reservation.accepted)"]), STREAMED: batches}
        found = warmed(turns, rounds, cpu, stores)
    at_store = {name: stores[name] for name in (USUAL, MIXED, FOREIGN, STREAMED)}
    return [*_rates(found), *_costs(cpu, "processor time"), *_costs(at_store, "the store's processor time")]


DUPLICATE, STREAMED = "event that was heard before", f"event of a batch of {BATCH} (Event Streams)"
LIMITS = {MIXED: 0.60, FOREIGN: 0.75, FILTERED: 0.75}


def _batches(scene: Scene) -> Iterator[bytes]:
    for first in range(0, scene.count - BATCH + 1, BATCH):
        numbers = range(first, first + BATCH)
        yield signed_batch([event_fields("task-queue.entered", one, scene.attributes(one)) for one in numbers])


def _rates(found: Mapping[str, list[float]]) -> Iterator[Row]:
    bases = [name for name in (EMPTY, USUAL, EXPRESS, RAW) if name in found]
    for name in (*bases, *(name for name in found if name not in bases)):
        limit = ("least", LIMITS[name]) if name in LIMITS else None
        yield row(name, found[name], "events/s", against=EMPTY, baseline=found[EMPTY], limit=limit)
    yield row(MIXED, found[MIXED], "events/s", against=USUAL, baseline=found[USUAL], limit=("least", 2.0))
    if EXPRESS in found:
        yield row(MIXED, found[MIXED], "events/s", against=EXPRESS, baseline=found[EXPRESS])


def _costs(cpu: Mapping[str, list[float]], what: str) -> Iterator[Row]:
    for name, used in cpu.items():
        if name != "first time":
            yield row(f"{name}: {what}", used, "µs")


def evalsha_rate(url: str, count: int, connections: int) -> float:
    """Calls a second of a script that does nothing, one at a time on each connection: what the store can do at most."""
    client = connect(url)
    sha = client.script_load(DO_NOTHING)
    lines = [client.connection_pool.get_connection() for _ in range(connections)]
    asked = [
        lines[0].pack_command("EVALSHA", sha, 1, "{00}:" + sid("WT", one), "x")  # type: ignore[no-untyped-call]
        for one in range(connections)
    ]
    began = time.perf_counter()
    for _ in range(count // connections):
        for line, command in zip(lines, asked, strict=True):
            line.send_packed_command(command)  # type: ignore[no-untyped-call]
        for line in lines:
            line.read_response()
    took = time.perf_counter() - began
    for line in lines:
        client.connection_pool.release(line)
    client.close()
    return count // connections * connections / took
