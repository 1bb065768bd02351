"""Conversations: timers, states, addresses, webhooks."""

import pytest

from service.sandbox.acts import customer_writes
from service.sandbox.conversations import (
    add_member,
    add_message,
    change_state,
    create_conversation,
    end_conversation,
    set_timers,
)
from service.sandbox.customers import Arrival, customer_arrives
from service.sandbox.refusals import Refused
from service.sandbox.sids import new_sid
from service.sandbox.state import Member, Webhook
from service.sandbox.webhooks import add_webhook
from service.sandbox.world import World
from tests.sandbox.scenes import START, arrival, pass_time, sent_by, standing_world

HOOK = "http://service.example.com/v1/events/conversations"


@pytest.fixture
def world() -> World:
    return standing_world()


def test_timers_put_to_sleep_then_close(world: World) -> None:
    conversation = arrival(world)
    set_timers(world, conversation, "PT1M", "PT10M")
    states = []
    for _ in range(3):
        states.append(conversation.state)
        pass_time(world, 300)
    assert states == ["active", "inactive", "closed"]


def test_message_starts_the_timers_anew(world: World) -> None:
    conversation = arrival(world)
    set_timers(world, conversation, "PT2M", None)
    pass_time(world, 119)
    add_message(world, conversation, "someone", "Hi", by_api=True)
    pass_time(world, 119)
    assert conversation.state == "active"


def test_customer_message_wakes_an_inactive_one(world: World) -> None:
    conversation = arrival(world)
    change_state(world, conversation, "inactive")
    customer_writes(world, conversation, "Hello?")
    assert conversation.state == "active"


@pytest.mark.parametrize(
    ("inactive", "closed"),
    [("PT59S", None), (None, "PT599S"), ("1 minute", None), ("P", None), (None, "PT")],
)
def test_wrong_timers_are_refused(world: World, inactive: str | None, closed: str | None) -> None:
    conversation = arrival(world)
    with pytest.raises(Refused, match=r"Timers\."):
        set_timers(world, conversation, inactive, closed)


def test_closed_is_final(world: World) -> None:
    conversation = arrival(world)
    end_conversation(world, conversation)
    with pytest.raises(Refused, match="closed"):
        change_state(world, conversation, "active")
    with pytest.raises(Refused, match="closed"):
        add_message(world, conversation, "someone", "Hi", by_api=True)


def test_pair_of_addresses_is_in_one_open_conversation(world: World) -> None:
    first, second = create_conversation(world), create_conversation(world)

    def customer() -> Member:
        return Member(new_sid("MB"), START, START, address="+15550001111", proxy_address="+12125550100")

    add_member(world, first, customer())
    with pytest.raises(Refused) as told:
        add_member(world, second, customer())
    assert told.value.code == 50425
    end_conversation(world, first)
    add_member(world, second, customer())
    assert len(second.members) == 1


def test_same_customer_may_start_another_conversation(world: World) -> None:
    made = [customer_arrives(world, Arrival("sms", "+15550001111", None, "Hi"), interaction=False) for _ in range(2)]
    assert made[0]["conversation_sid"] != made[1]["conversation_sid"]


def test_message_to_same_number_lands_in_open_thread(world: World) -> None:
    wanted = Arrival("sms", "+15550001111", "+12125550100", "Hi")
    first, second = (customer_arrives(world, wanted, interaction=False) for _ in range(2))
    assert first["conversation_sid"] == second["conversation_sid"]
    end_conversation(world, world.conversations[str(first["conversation_sid"])])
    third = customer_arrives(world, wanted, interaction=False)
    assert third["conversation_sid"] != first["conversation_sid"]


def webhook(filters: list[str]) -> Webhook:
    return Webhook(new_sid("WH"), "webhook", HOOK, "post", filters, START, START)


def test_customer_message_fires_the_webhook(world: World) -> None:
    sent = sent_by(world)
    conversation = arrival(world)
    hook = webhook(["onMessageAdded"])
    add_webhook(world, conversation, hook)
    customer_writes(world, conversation, "Hello?")
    form = dict(sent[-1].form)
    assert (sent[-1].url, form["EventType"], form["WebhookSid"]) == (HOOK, "onMessageAdded", hook.sid)
    assert form["ConversationSid"] == conversation.sid


@pytest.mark.parametrize("filters", [["onConversationUpdated"], []])
def test_other_webhooks_stay_silent(world: World, filters: list[str]) -> None:
    sent = sent_by(world)
    conversation = arrival(world)
    add_webhook(world, conversation, webhook(filters))
    customer_writes(world, conversation, "Hello?")
    assert sent == []


def test_message_by_api_fires_nothing(world: World) -> None:
    sent = sent_by(world)
    conversation = arrival(world)
    add_webhook(world, conversation, webhook(["onMessageAdded"]))
    add_message(world, conversation, "system", "Goodbye", by_api=True)
    assert sent == []


def test_sixth_webhook_is_refused(world: World) -> None:
    conversation = arrival(world)
    for _ in range(5):
        add_webhook(world, conversation, webhook([]))
    with pytest.raises(Refused, match="at most 5"):
        add_webhook(world, conversation, webhook([]))
