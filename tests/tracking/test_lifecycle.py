"""The transition table itself: forward only, and complete."""

import itertools
import re
from pathlib import Path

import pytest

from service.model import ErrandState, State
from service.tracking.lifecycle import CAUGHT_UP, ERRAND_TRANSITIONS, EVENT_SIGNALS, FINAL, LIVE, TRANSITIONS, after


def test_final_states_have_no_way_out() -> None:
    sources = {before for row in TRANSITIONS.values() for before in row}
    assert sources.isdisjoint(FINAL)


def test_every_state_can_be_reached() -> None:
    reached = {State.REQUESTED} | {to for row in TRANSITIONS.values() for to in row.values()}
    assert reached == set(State)


def test_table_has_no_way_back() -> None:
    edges = {(before, to) for row in TRANSITIONS.values() for before, to in row.items()}
    order: list[State] = []
    states = set(State)
    while states:
        ends = {state for state in states if not any(before == state and to in states for before, to in edges)}
        assert ends, f"a circle among {states}"
        order += sorted(ends)
        states -= ends
    assert len(order) == len(State)


@pytest.mark.parametrize("state", sorted(LIVE))
def test_live_invite_can_lapse(state: State) -> None:
    assert after("lapsed", state) is State.LAPSED


@pytest.mark.parametrize("signal", ["accepted", "completed", "created"])
def test_late_event_after_lapse_is_ignored(signal: str) -> None:
    assert after(signal, State.LAPSED) is None


@pytest.mark.parametrize(
    "event",
    ["task.canceled", "task.deleted", "task.system-deleted", "workflow.timeout", "workflow.skipped"],
)
def test_terminal_event_is_a_lapse(event: str) -> None:
    assert EVENT_SIGNALS[event] == "lapsed"
    assert event in CAUGHT_UP


def test_completed_task_is_no_lapse() -> None:
    assert EVENT_SIGNALS["task.completed"] == "completed"


@pytest.mark.parametrize("event", ["task-queue.timeout", "task-queue.moved", "reservation.timeout", "task.wrapup"])
def test_passing_event_moves_nothing(event: str) -> None:
    assert event not in EVENT_SIGNALS


def test_drawn_graphs_equal_the_tables(repository: Path) -> None:
    text = (repository / "docs" / "explanation" / "life-of-an-invite.md").read_text(encoding="utf-8")
    drawn = set(re.findall(r"^ {4}([a-z]+) --> ([a-z]+): ([a-z]+)$", text, flags=re.MULTILINE))
    invites = {(str(a), str(b), signal) for signal, row in TRANSITIONS.items() for a, b in row.items()}
    errands = {(str(a), str(b), signal) for signal, row in ERRAND_TRANSITIONS.items() for a, b in row.items()}
    assert drawn == invites | errands


def test_errand_is_over_for_good() -> None:
    sources = {before for row in ERRAND_TRANSITIONS.values() for before in row}
    assert sources.isdisjoint({ErrandState.DONE, ErrandState.REFUSED})
    assert {to for row in ERRAND_TRANSITIONS.values() for to in row.values()} | {ErrandState.TAKEN} == set(ErrandState)


def test_repeated_signals_settle() -> None:
    for first, second in itertools.product(TRANSITIONS, repeat=2):
        for state in State:
            once = after(first, state) or state
            twice = after(second, once) or once
            assert twice in State
            assert after(first, once) is None or once != state
