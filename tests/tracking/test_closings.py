"""While a conversation is being closed, nothing new is written for it: by whoever, in whichever process."""

from contextlib import ExitStack
from dataclasses import replace

import pytest
import redis

from service.errors import ClosingError, TwilioAmbiguousError, TwilioRefusedError
from service.tracking.closings import CLOSING_S, Closings
from service.tracking.records import anchored, new_invite_id
from service.tracking.store import Store
from tests.conftest import sid
from tests.tracking.test_store import CH, draft

UO = sid("UO", 4)
ME, OTHER = new_invite_id(CH), new_invite_id(CH)


@pytest.fixture
def closings(client: "redis.Redis") -> Closings:
    return Closings(client)


def test_new_record_waits_for_the_end(store: Store, closings: Closings) -> None:
    with closings.closing(ME, CH, UO):
        with pytest.raises(ClosingError) as refused:
            store.create(draft(), due_in_s=0)
        assert store.of_anchor(CH) == []
    assert refused.value.retry_after_s
    assert store.create(draft(), due_in_s=0).word == "created"


def test_channel_is_enough(store: Store, closings: Closings) -> None:
    """Of a record that only a channel anchors, nobody knows the conversation."""
    invite = replace(draft(conversation_sid=None, channel_sid=UO), id=new_invite_id(UO))
    with closings.closing(ME, CH, UO), pytest.raises(ClosingError):
        store.create(invite, due_in_s=0)


def test_next_step_of_one_anchored_by_its_channel(store: Store, closings: Closings) -> None:
    """Its conversation has become known since, but its partition is that of the channel."""
    heir = replace(draft(channel_sid=UO), id=new_invite_id(UO))
    with closings.closing(ME, CH, UO), pytest.raises(ClosingError):
        store.create(heir, due_in_s=0)


def test_other_conversations_go_on(store: Store, closings: Closings) -> None:
    with closings.closing(ME, CH, UO):
        assert store.create(draft(sid("CH", 5)), due_in_s=0).word == "created"


def test_task_that_is_there_already_is_tracked(store: Store, closings: Closings) -> None:
    with closings.closing(ME, CH, UO):
        assert store.create(draft(), due_in_s=0, also_closing=True).word == "created"


def test_repetition_of_what_is_there_is_no_new_record(store: Store, closings: Closings) -> None:
    invite = draft()
    store.create(invite, due_in_s=0)
    with closings.closing(ME, CH, UO):
        assert store.create(invite, due_in_s=0).word == "exists"


@pytest.mark.parametrize("sids", [(CH, None), (None, UO), (CH, UO)])
def test_one_closes_at_a_time(closings: Closings, sids: tuple[str | None, ...]) -> None:
    with ExitStack() as stack:
        stack.enter_context(closings.closing(ME, CH, UO))
        with pytest.raises(ClosingError), closings.closing(OTHER, *sids):
            pytest.fail("two are closing")
        with (
            pytest.raises(ClosingError),
            closings.closing(OTHER, CH),
        ):  # who came in vain took nothing away
            pytest.fail("two are closing")
    with closings.closing(ME, CH, UO):
        pass


def test_whoever_dies_holds_nothing_back_for_long(client: "redis.Redis", closings: Closings) -> None:
    with closings.closing(ME, CH):
        assert 0 < client.pttl(anchored("closing", CH)) <= CLOSING_S * 1000


def test_fault_of_what_is_done_meanwhile_ends_it(store: Store, closings: Closings) -> None:
    with pytest.raises(ZeroDivisionError), closings.closing(ME, CH):
        1 / 0  # noqa: B018
    assert store.create(draft(), due_in_s=0).word == "created"


def test_lost_answer_keeps_the_mark_for_the_same_record(store: Store, closings: Closings) -> None:
    """Twilio may carry it out yet; whoever has asked for it comes again."""
    with pytest.raises(TwilioAmbiguousError), closings.closing(ME, CH, UO):
        raise TwilioAmbiguousError("the answer was lost")
    with pytest.raises(ClosingError):
        store.create(draft(), due_in_s=0)
    with pytest.raises(ClosingError), closings.closing(OTHER, CH, UO):
        pytest.fail("two are closing")
    with closings.closing(ME, CH, UO):
        pass
    assert store.create(draft(), due_in_s=0).word == "created"


def test_kept_mark_stays(store: Store, closings: Closings) -> None:
    with closings.closing(ME, CH, UO) as mark:
        mark.kept = True
    with pytest.raises(ClosingError):
        store.create(draft(), due_in_s=0)


def test_refusal_ends_it(store: Store, closings: Closings) -> None:
    """It has not been closed, and will not be."""

    def close() -> None:
        with closings.closing(ME, CH, UO) as mark:
            mark.kept = True
            raise TwilioRefusedError("no", twilio_status=400)

    with pytest.raises(TwilioRefusedError):
        close()
    assert store.create(draft(), due_in_s=0).word == "created"
