"""The store on a real cluster of three: every test of store, keys and hits once more, the whole flow, faults.

A script whose keys lie on several nodes is refused there, and so is a command on keys of several nodes: this is what
holds the hash tags to their purpose.
"""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.crc import key_slot
from redis.exceptions import RedisClusterException

from service.errors import StoreUnavailableError
from service.tracking import connection
from service.tracking.connection import connect, lua
from service.tracking.records import PARTITIONS, key
from service.tracking.store import Store
from tests.flow.acts import NOTHING_WRONG, errand, live_tasks, park, served
from tests.flow.conftest import RULES
from tests.flow.world import World
from tests.tracking import test_hits, test_idempotency, test_store
from tests.tracking.fleet import Fleet, await_true, start_cluster

pytestmark = pytest.mark.xdist_group("cluster")  # one cluster for all of them
# those with several keys
SCRIPTS = sorted(
    path.stem for path in (Path(connection.__file__).parent / "lua").glob("*.lua") if "KEYS[2]" in path.read_text()
)

# Each test of the store that takes it, or a client, from a fixture; here these are the cluster's.
_AGAIN = [
    (module, name)
    for module in (test_store, test_idempotency, test_hits)
    for name, test in vars(module).items()
    if name.startswith("test_")
    and {"store", "client", "keys"} & set(test.__code__.co_varnames[: test.__code__.co_argcount])
]
for _module, _name in _AGAIN:
    globals()[f"{_name}_on_a_cluster"] = getattr(_module, _name)
keys = test_idempotency.keys


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    running = start_cluster(tmp_path_factory.mktemp("cluster"), replicas=False)
    yield running
    running.close()


@pytest.fixture
def client(cluster: Fleet) -> "Iterator[redis.Redis]":
    connected = connect(cluster.url)
    connected.flushall()
    yield connected
    connected.close()


@pytest.fixture
def world(cluster: Fleet, client: "redis.Redis", tmp_path: Path) -> Iterator[World]:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    running = World(cluster.url, str(rules))
    yield running
    running.close()


def test_store_tests_are_really_taken() -> None:
    assert len(_AGAIN) > 15


def test_ladder_runs_to_its_end(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation, attributes={"topic": "ladder"})
    assert (first.status, first["state"]) == (201, "pending")
    assert world.escalate(conversation, attributes={"topic": "ladder"}).json["id"] == first["id"]
    world.advance(61)
    heir = world.turn_until(first["id"], "superseded")["successor"]
    world.turn_until(heir, "pending")
    world.advance(121)
    world.turn_until(heir, "closed")
    assert world.conversation(conversation)["state"] == "closed"
    assert world.judge() == NOTHING_WRONG


def test_many_conversations_are_accepted(world: World) -> None:
    """Their partitions lie on all three nodes: claims, listings and the catch-up see every one."""
    made = [world.escalate(world.customer()["conversation_sid"]) for _ in range(12)]
    listed = world.get("invites").json["invites"]
    assert isinstance(listed, list)
    assert {row["id"] for row in listed} == {one["id"] for one in made}
    world.agent("alice", "accept", task_sid=str(made[0]["task_sid"]))
    world.await_state(made[0]["id"], "accepted")
    world.catch_up()
    world.advance(90_000)
    for one in made[1:]:
        world.turn_until(one["id"], "closed")
    assert world.judge()["orphaned"] == []


def test_parked_conversation_is_woken(world: World) -> None:
    """Errands wait in a line of their channel, in the partition of its SID."""
    first = served(world)
    parked = park(world, first)
    assert parked.status in (200, 202)
    world.turn()
    woken = errand(world, "wake", first)
    assert woken.status in (200, 202), woken.json
    world.turn()
    assert len(live_tasks(world, first)) == 1
    assert world.judge() == NOTHING_WRONG


def test_partitions_lie_on_all_nodes(cluster: Fleet) -> None:
    slots = [key_slot(key(part, "due").encode()) for part in range(PARTITIONS)]
    owners = {cluster.owner(slot).port for slot in slots}
    assert len(owners) == 3


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_refuses_keys_of_two_partitions(client: "redis.Redis", name: str) -> None:
    """What the hash tag prevents is really an error here, so a script that needs it would be found out."""
    strangers = [key(number, "x") for number in range(2)]
    with pytest.raises(RedisClusterException):
        client.register_script(lua(name))(keys=strangers, args=["x"] * 12)


def test_client_is_made_while_the_cluster_is_away() -> None:
    store = Store(connect("redis+cluster://127.0.0.1:1"), keep_s=60)
    with pytest.raises(StoreUnavailableError):
        store.ping()


@pytest.mark.soak
def test_hanging_node_is_not_tried_over_and_over(cluster: Fleet, store: Store) -> None:
    """Twenty partitions of the node are asked for at once: one wait for all of them, not one for each."""
    store.due_partitions()
    stopped = cluster.owner(0)
    stopped.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            store.due_partitions()
        assert time.monotonic() - began < 15  # 4 s here; with a retry for each command it is a minute
    finally:
        stopped.process.send_signal(signal.SIGCONT)
    await_true(lambda: _answers(store), "cluster that is whole again")


def _answers(store: Store) -> bool:
    try:
        return store.due_partitions() == []
    except StoreUnavailableError:
        return False
