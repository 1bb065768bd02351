"""While an upgrade is half done, processes of today meet records of a later version: they leave them alone."""

from service.model import State
from service.tracking.records import key, partition_of_id
from tests.flow.acts import errand, park, served, state
from tests.flow.world import World

DAY_S = 90_000
SAID = "was written by a later version of this service"


def later(world: World, record: str, **fields: str) -> None:
    """What the next version might have written: a higher number, and words that nobody here knows."""
    for name, value in {"v": "99", **fields}.items():
        world.redis.hset(record, name, value)


def of_today(world: World, record: str, **fields: str) -> None:
    """The process is replaced by one that can read it."""
    for name, value in {"v": "1", **fields}.items():
        world.redis.hset(record, name, value)


def invite_key(invite_id: object) -> str:
    return key(partition_of_id(str(invite_id)), f"inv:{invite_id}")


def due_ms(world: World, invite_id: object) -> float:
    return float(world.redis.zscore(key(partition_of_id(str(invite_id)), "due"), str(invite_id)) or 0)


def test_invite_of_a_later_version_waits_for_the_new_process(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation, attributes={"topic": "billing"})
    mine, request = invite_key(invite["id"]), '{"kind":"escalation","mood":"unheard of"}'
    known = str(world.redis.hget(mine, "request"))
    later(world, mine, request=request)
    world.advance(DAY_S)
    world.turn_while(lambda: due_ms(world, invite["id"]) <= world.reconciler.parts.store.now_ms())
    assert world.redis.hget(mine, "state") == "lapsed"  # heard: what scripts do needs no reading
    assert (world.redis.hget(mine, "request"), state(world, invite)) == (request, "active")
    of_today(world, mine, request=known)
    world.reconciler.parts.store.touch(str(invite["id"]), State.LAPSED, due=0)
    world.turn_until(invite["id"], "closed")
    assert world.judge() == {"orphaned": [], "double_invited": [], "closed_under_agent": []}


def test_no_request_is_decided_beside_what_cannot_be_read(world: World) -> None:
    """Another invite of the conversation may stand in the record: a second one would ring twice."""
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation)
    later(world, invite_key(first["id"]))
    for answer in (world.escalate(conversation), world.invite(first["id"]), world.get("invites")):
        assert answer.status == 503
        assert SAID in str(answer["detail"])
    assert world.judge()["double_invited"] == []


def test_errand_of_a_later_version_waits_for_the_new_process(world: World) -> None:
    first = served(world, by="bob")
    rests = park(world, first, "bob")
    mine = key(int(str(rests["id"])[3:5]), f"er:{rests['id']}")
    later(world, mine, state="dreaming")
    answer = errand(world, "wake", first)
    assert (answer.status, SAID in str(answer["detail"])) == (503, True)
    of_today(world, mine, state="parked")
    errand(world, "wake", first)
    assert world.turn_until_errand(rests["id"], "done")["outcome"] == "woken"
