"""The verdict on a channel: when in doubt nothing is closed, and nothing is left in doubt for ever."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.reconcile.verdict import Act, ChannelLook, judge
from tests.conftest import sid

ALONE = ChannelLook("active", "active")


def act(look: ChannelLook, *, steps_left: bool = False, on_lapse: str = "close") -> Act:
    return judge(look, steps_left=steps_left, on_lapse=on_lapse).act


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (ALONE, Act.CLOSE),
        (replace(ALONE, channel_status="failed"), Act.CLOSE),
        (replace(ALONE, conversation_state="inactive"), Act.CLOSE),
        (replace(ALONE, own_task="canceled"), Act.CLOSE),
        (replace(ALONE, people=("agent",)), Act.LOOK_AGAIN),
        (replace(ALONE, people=("supervisor",)), Act.LOOK_AGAIN),
        (replace(ALONE, people=("agent",), live_tasks=(sid("WT", 2),)), Act.RELEASE),
        (replace(ALONE, channel_status="inactive"), Act.RELEASE),
        (replace(ALONE, channel_status="pause"), Act.RELEASE),
        (replace(ALONE, channel_status="setup"), Act.LOOK_AGAIN),
        (replace(ALONE, channel_status="transfer"), Act.LOOK_AGAIN),
        (replace(ALONE, channel_status="setup", settling=False), Act.CLOSE),
        (replace(ALONE, live_tasks=(sid("WT", 2),)), Act.RELEASE),
        (replace(ALONE, own_task="pending"), Act.LOOK_AGAIN),
        (replace(ALONE, own_task="assigned", live_tasks=(sid("WT", 2),)), Act.LOOK_AGAIN),
        (replace(ALONE, own_task="completed"), Act.RELEASE),
        (replace(ALONE, other_invites=1), Act.RELEASE),
        (replace(ALONE, parked=True), Act.RELEASE),
        (replace(ALONE, people=("agent",), live_tasks=(sid("WT", 2),), held_by_asker=True), Act.RELEASE),
        (replace(ALONE, people=("supervisor",), held_by_asker=True), Act.LOOK_AGAIN),
        (ChannelLook("closed", "closed"), Act.SETTLE),
        (ChannelLook(None, None), Act.SETTLE),
        (ChannelLook(None, "closed"), Act.SETTLE),
        (ChannelLook("closed", None), Act.SETTLE),
        (ChannelLook("closed", "active"), Act.CLOSE_CONVERSATION),
        (ChannelLook(None, "active"), Act.CLOSE_CONVERSATION),
        (ChannelLook(None, "active", late=True), Act.LOOK_AGAIN),
        (ChannelLook(None, "active", late=True, other_invites=1), Act.RELEASE),
        (ChannelLook(None, "active", parked=True), Act.RELEASE),
        (ChannelLook(None, "active", left_since=True), Act.RELEASE),
        (ChannelLook("closed", "active", late=True), Act.CLOSE_CONVERSATION),
        (ChannelLook("closed", "active", other_invites=1), Act.RELEASE),
    ],
    ids=lambda value: value.name if isinstance(value, Act) else "",
)
def test_look_leads_to_act(look: ChannelLook, expected: Act) -> None:
    assert act(look) is expected


def test_further_step_comes_before_closing() -> None:
    assert act(ALONE, steps_left=True) is Act.NEXT_STEP


def test_further_step_waits_for_nobody_served() -> None:
    assert act(replace(ALONE, people=("agent",)), steps_left=True) is Act.LOOK_AGAIN


def test_transfer_goes_on_while_the_asker_stays() -> None:
    look = replace(ALONE, people=("agent",), live_tasks=(sid("WT", 2),), held_by_asker=True)
    assert act(look, steps_left=True) is Act.NEXT_STEP


def test_transfer_goes_on_while_a_supervisor_without_a_task_stays() -> None:
    assert act(replace(ALONE, people=("supervisor",), held_by_asker=True), steps_left=True) is Act.NEXT_STEP


def test_parked_conversation_still_tries_the_next_step() -> None:
    """The invite that was to wake it was refused: the rule's other steps may do better."""
    assert act(replace(ALONE, parked=True), steps_left=True) is Act.NEXT_STEP


def test_asker_with_a_task_that_lives_waits() -> None:
    assert act(replace(ALONE, own_task="pending", held_by_asker=True), steps_left=True) is Act.LOOK_AGAIN


def test_rule_may_leave_it_open() -> None:
    assert act(ALONE, on_lapse="leave") is Act.RELEASE
    assert act(replace(ALONE, channel_status=None), on_lapse="leave") is Act.RELEASE


LOOKS = st.builds(
    ChannelLook,
    channel_status=st.sampled_from(["setup", "active", "failed", "closed", "inactive", "pause", "transfer", None]),
    conversation_state=st.sampled_from(["initializing", "active", "inactive", "closed", None]),
    people=st.lists(st.sampled_from(["agent", "supervisor", "external", "unknown"])).map(tuple),
    own_task=st.sampled_from([None, "pending", "reserved", "assigned", "wrapping", "completed", "canceled"]),
    live_tasks=st.lists(st.just(sid("WT", 2)), max_size=1).map(tuple),
    other_invites=st.integers(0, 2),
    parked=st.booleans(),
    late=st.booleans(),
    settling=st.booleans(),
)


@given(LOOKS, st.booleans(), st.sampled_from(["close", "leave"]))
def test_open_channel_with_anybody_is_never_ended(look: ChannelLook, steps_left: bool, on_lapse: str) -> None:
    attended = look.people or look.live_tasks or look.other_invites or look.own_task in ("pending", "assigned")
    open_channel = look.channel_status not in ("closed", None)
    if open_channel and look.parked:
        assert act(look, steps_left=False, on_lapse=on_lapse) in (Act.RELEASE, Act.LOOK_AGAIN)
    if open_channel and (attended or look.channel_status in ("inactive", "pause")):
        assert act(look, steps_left=steps_left, on_lapse=on_lapse) in (Act.RELEASE, Act.LOOK_AGAIN)


@given(LOOKS)
def test_every_verdict_says_why(look: ChannelLook) -> None:
    assert judge(look, steps_left=False, on_lapse="close").reason
