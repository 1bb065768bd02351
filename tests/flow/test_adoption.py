"""Tasks that others make are followed on their own, whatever attributes they carry."""

from service.model import Route, State
from service.reconcile.observe import observe
from service.tracking.arrival import adopt_task, take_event
from tests.flow.world import World


def copied_task(world: World, invite: dict) -> str:  # type: ignore[type-arg]  # free-form JSON
    """A transfer plugin invites another agent and copies all attributes of the old task, ours among them."""
    old = world.conversation(invite["conversation_sid"])["tasks"][0]["attributes"]
    gateway = world.reconciler.parts.gateway
    route = Route(world.info["workflows"]["everyone"], "everyone")
    made = gateway.create_invite(invite["interaction_sid"], invite["channel_sid"], route, old)
    assert made.task_sid is not None
    return made.task_sid


def escalated(world: World) -> dict:  # type: ignore[type-arg]  # free-form JSON
    return dict(world.escalate(world.customer()["conversation_sid"]).json)


def test_copied_attributes_do_not_move_the_old_invite(world: World) -> None:
    invite = escalated(world)
    world.agent("alice", "accept", task_sid=invite["task_sid"])
    world.await_state(invite["id"], "accepted")
    copy = copied_task(world, invite)
    adopted = world.await_listed(f"conversation_sid={invite['conversation_sid']}", copy)
    assert (adopted["kind"], adopted["rule"]) == ("adopted", None)
    world.advance(90_000)
    world.turn()
    assert world.invite(invite["id"])["task_sid"] == invite["task_sid"]


def test_copied_task_that_dies_is_rescued(world: World) -> None:
    invite = escalated(world)
    world.agent("alice", "accept", task_sid=invite["task_sid"])
    world.await_state(invite["id"], "accepted")
    copy = copied_task(world, invite)
    adopted = world.await_listed(f"conversation_sid={invite['conversation_sid']}", copy)
    world.agent("alice", "drop", task_sid=invite["task_sid"])
    world.await_state(invite["id"], "completed")
    world.advance(90_000)
    world.turn_until(adopted["id"], "closed")
    assert world.judge()["orphaned"] == []


def test_replaced_attributes_do_not_lose_the_invite(world: World) -> None:
    """Another application overwrites the task's attributes; its end is heard all the same."""
    invite = escalated(world)
    tasks = world.reconciler.parts.taskrouter._workspace.tasks  # the SDK itself, as another application has it
    tasks(invite["task_sid"]).update(attributes='{"topic": "other"}')
    world.advance(90_000)
    world.turn_until(invite["id"], "closed")
    assert world.judge()["orphaned"] == []


def test_look_brings_a_forgotten_record_back_under_its_id(world: World) -> None:
    invite = escalated(world)
    world.redis.flushall()
    parts = world.reconciler.parts
    task = parts.taskrouter.task(invite["task_sid"])
    assert task is not None
    assert adopt_task(parts.store, task.sid, task.attributes, parts.pace)
    world.catch_up()
    found = parts.store.of_anchor(invite["conversation_sid"])
    assert [one.id for one in found] == [invite["id"]]


def test_task_of_a_request_without_an_answer_is_no_other(world: World) -> None:
    """Its answer and its events are lost; the look at a lapsed invite of the same channel is the first to see it."""
    conversation = str(world.customer()["conversation_sid"])
    first, parts = world.escalate(conversation), world.reconciler.parts
    parts.taskrouter.cancel_task(str(first["task_sid"]), "x")
    world.await_state(first["id"], "lapsed")
    world.control("POST", "callbacks", {"lost": True})
    world.fault("POST */Invites", reset=True, when="after", times=1)
    asked = world.escalate(conversation, attributes={"topic": "leave"})
    assert asked["state"] == "requested"
    lapsed = parts.store.get(str(first["id"]))
    assert lapsed is not None
    assert observe(parts, lapsed).live_tasks
    world.turn_until(asked["id"], "pending")
    found = parts.store.of_anchor(conversation)
    assert {one.id for one in found} == {first["id"], asked["id"]}
    assert [one.plan.rule for one in found if one.state is State.PENDING] == ["leave-open"]


def test_end_of_a_forgotten_task_is_remembered(world: World) -> None:
    """The store is emptied, and of a long task only the end lies within the day that is read again: who left, did so
    on purpose."""
    invite, parts = escalated(world), world.reconciler.parts
    world.agent("alice", "accept", task_sid=invite["task_sid"])
    world.await_state(invite["id"], "accepted")
    other = world.escalate(invite["conversation_sid"], idempotency_key="b")
    world.control("POST", "callbacks", {"lost": True})
    parts.taskrouter.cancel_task(str(other["task_sid"]), "x")
    world.agent("alice", "drop", task_sid=invite["task_sid"])
    world.redis.flushall()
    for word in ("task.completed", "task.canceled"):
        for event in parts.taskrouter.events(event_type=word, minutes=60):
            take_event(parts.store, event, parts.pace)
    assert world.invite(invite["id"])["state"] == "completed"
    world.turn_until(other["id"], "released", "closed")
    assert world.conversation(invite["conversation_sid"])["state"] == "active"
