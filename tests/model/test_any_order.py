"""Any events, of our tasks and of others', in any order, any number of times, late or never, while people act."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from service.errors import ConflictError
from service.model import Invite, State, TaskEvent
from service.reconcile.cancel import cancel
from service.reconcile.fulfil import send
from service.reconcile.hear import hear
from service.sandbox.server import SandboxOptions, start_sandbox
from service.sandbox.switches import Switches
from service.tracking.embedded import EmbeddedStore
from tests.model.reference import LEADS_TO, TOP, after_event, rung
from tests.model.stage import ONE_REQUEST, Stage, build

EXAMPLES = int(os.environ.get("MODEL") or 0)  # MODEL=500: a long run that also shrinks what it finds
APART_S = 2  # tasks tell their times in whole seconds: what happens within one is not told apart
MOST_CONVERSATIONS = 2
CATCH_UP_EVERY_MS = 300_000
TURNS_TO_REST = 40
JUDGED_LATER = (State.FAILED, State.CANCELED)  # final, but their channel may still have to be looked at

ANSWERS_LOST = (
    None,
    None,
    {"reset": True, "when": "before"},
    {"reset": True, "when": "after"},
    {"status": 500, "when": "after"},
    {"status": 429, "when": "before"},
)
NOW_AND_THEN = st.sampled_from((False, False, False, True))


class AnyOrder(RuleBasedStateMachine):
    """What may happen, one thing at a time, and what must hold after each."""

    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.stage.start_anew()
        self.conversations: list[str] = []
        self.left_open: set[str] = set()
        self.last: dict[str, State] = {}
        self.due: list[str] = []
        self.heard: set[str] = set()
        self.caught_up_at = -CATCH_UP_EVERY_MS

    # -- people

    @initialize(served=st.booleans(), steps=st.integers(1, 2), fault=st.sampled_from(ANSWERS_LOST))
    def begin(self, served: bool, steps: int, fault: dict[str, object] | None) -> None:
        """Nothing can happen before somebody is asked to come."""
        self.customer_writes(served)
        self.ask(self.stage.draft(self.conversations[0], steps=steps, on_lapse="close", old_worker=None), fault)

    @precondition(lambda self: len(self.conversations) < MOST_CONVERSATIONS)
    @rule(served=st.booleans())
    def customer_writes(self, served: bool) -> None:
        """What happened to one who was served before has been heard, all of it and in order."""
        self.conversations.append(self.stage.customer(served_before=served))
        for event in self.stage.posted if served else []:
            hear(self.stage.parts, event)
        self.stage.pass_time(APART_S)

    @rule(which=st.integers(0, 9), deed=st.sampled_from(("accept", "accept", "accept", "decline")), carol=st.booleans())
    def agent_answers(self, which: int, deed: str, carol: bool) -> None:
        """Whoever it rings at; where it rings at nobody, carol or alice."""
        self.stage.answer(self.one_of(which), deed, "carol" if carol else "alice")

    @rule(which=st.integers(0, 9), deed=st.sampled_from(("complete", "leave", "leave", "drop", "drop")))
    def agent_goes(self, which: int, deed: str) -> None:
        self.stage.end(self.one_of(which), deed)
        self.stage.pass_time(APART_S)

    @rule(which=st.integers(0, 9), meant=NOW_AND_THEN)
    def task_is_deleted(self, which: int, meant: bool) -> None:
        if meant:
            self.stage.delete(self.one_of(which))

    @rule(which=st.integers(0, 9))
    def customer_writes_again(self, which: int) -> None:
        self.stage.write(self.one_of(which))

    @rule(which=st.integers(0, 9))
    def others_ask(self, which: int) -> None:
        self.stage.others_ask(self.one_of(which))

    @rule(seconds=st.sampled_from((1, 350, 700, 1500)))
    def time_passes(self, seconds: int) -> None:
        self.stage.pass_time(seconds)

    # -- callers

    @rule(
        which=st.integers(0, 9),
        steps=st.integers(1, 2),
        on_lapse=st.sampled_from(("close", "close", "close", "leave")),
        old_worker=st.sampled_from((None, None, "alice")),
        fault=st.sampled_from(ANSWERS_LOST),
        dies=st.sampled_from((False, False, False, True)),
    )
    def is_asked(
        self, which: int, steps: int, on_lapse: str, old_worker: str | None, fault: dict[str, object] | None, dies: bool
    ) -> None:
        """A request is written down and, unless the process dies in between, sent."""
        conversation = self.one_of(which)
        workers = {one.friendly_name: one.sid for one in self.stage.sandbox.world.workers.values()}
        old_sid = workers[old_worker] if old_worker else None
        draft = self.stage.draft(conversation, steps=steps, on_lapse=on_lapse, old_worker=old_sid)
        if on_lapse == "leave":
            self.left_open.add(conversation)
        if dies:
            self.stage.store.create(draft, due_in_s=15)
        else:
            self.ask(draft, fault)

    def ask(self, draft: Invite, fault: dict[str, object] | None) -> None:
        """What the door does with a request, while Twilio may fail at it."""
        self.stage.store.create(draft, due_in_s=15)
        if fault:
            self.stage.control("POST", "faults", {"match": ONE_REQUEST, "times": 1, **fault})
        send(self.stage.parts, draft, now_ms=self.stage.now_ms())
        if fault:
            self.stage.control("DELETE", "faults")

    @precondition(lambda self: self.last)
    @rule(which=st.integers(0, 99), meant=st.booleans())
    def is_called_off(self, which: int, meant: bool) -> None:
        if not meant:
            return
        record = self.stage.store.get(list(self.last)[which % len(self.last)])
        assert record is not None
        try:
            cancel(self.stage.parts, record, now_ms=self.stage.now_ms())
        except ConflictError:
            return  # accepted, ended, or perhaps just being made

    # -- the service

    @precondition(lambda self: self.stage.posted)
    @rule(picked=st.lists(st.tuples(st.integers(0, 99), st.booleans(), NOW_AND_THEN), min_size=2, max_size=9))
    def events_are_heard(self, picked: list[tuple[int, bool, bool]]) -> None:
        """Events of the past in any order, now and then one that was heard before."""
        for which, bare, again in picked:
            unheard = [event for event in self.stage.posted if event.sid not in self.heard]
            events = self.stage.posted if again or not unheard else unheard
            self.hear(events[-1 - which % len(events)], bare=bare)

    def hear(self, event: TaskEvent, *, bare: bool) -> None:
        """One event, perhaps without its task's attributes, does what the reference says and nothing besides."""
        self.heard.add(event.sid)
        if bare and event.type.startswith(("workflow.", "task.deleted")):
            event = replace(event, attributes={})
        before = self.stage.records()
        arrival = hear(self.stage.parts, event)
        after = self.stage.records()
        touched = {name for name in after if before.get(name) != after[name]}
        assert touched <= {arrival.invite_id}
        if arrival.invite_id is None:
            assert event.type not in LEADS_TO or event.type == "task.completed" or not event.attributes
            return
        held = before[arrival.invite_id].state if arrival.invite_id in before else None
        expected = after_event(event.type, held, about_flex=bool(event.attributes))
        assert (after[arrival.invite_id].state if arrival.invite_id in after else None) == expected
        if touched:
            assert after[arrival.invite_id].task_sid == event.task_sid

    @precondition(lambda self: self.stage.posted and self.stage.advanced_ms - self.caught_up_at >= CATCH_UP_EVERY_MS)
    @rule()
    def events_are_caught_up(self) -> None:
        self.stage.catch_up()
        self.caught_up_at = self.stage.advanced_ms

    @precondition(lambda self: self.due)
    @rule(picked=st.lists(st.integers(0, 99), min_size=1, max_size=3), answer_lost=st.booleans())
    def records_are_worked_on(self, picked: list[int], answer_lost: bool) -> None:
        """A look may come at any time. The closing, if it comes to one, may be done and yet not be answered."""
        if answer_lost:
            lost = {"match": "POST */Channels/*", "times": 1, "reset": True, "when": "after"}
            self.stage.control("POST", "faults", lost)
        for which in picked:
            attended, closed = self.stage.attended(), self.stage.closed()
            self.stage.work_on(self.due[which % len(self.due)])
            assert attended & self.stage.closed() - closed == set()
        if answer_lost:
            self.stage.control("DELETE", "faults")
        self.nothing_is_closed_twice()

    # -- what must hold

    @invariant()
    def twilio_is_well_treated(self) -> None:
        found = self.stage.judge()
        assert found["closed_under_agent"] == []
        assert found["double_invited"] == []

    def nothing_is_closed_twice(self) -> None:
        self.stage.count_closings()
        assert [path for path, times in self.stage.closings.items() if times > 1] == []

    @invariant()
    def records_are_in_order(self) -> None:
        due, records = self.stage.due(), self.stage.records()
        assert len(set(due)) == len(due)
        for name, record in records.items():
            self.went_forward(record)
            open_still = rung(record.state) < TOP
            assert (name in due) == open_still or (not open_still and record.state in JUDGED_LATER), record
            self.last[name] = record.state
        self.due = [name for name in self.last if name in due]

    def went_forward(self, record: Invite) -> None:
        """It is no further down than it was, and where it had come to its end it still is what it was."""
        before = self.last.get(record.id, State.REQUESTED)
        assert rung(record.state) >= rung(before)
        assert rung(before) < TOP or record.state is before

    def teardown(self) -> None:
        """Agents go home, tasks die, not one callback comes: everything settles, nobody is left alone."""
        self.stage.shift_ends()
        self.come_to_rest()
        self.stage.catch_up()  # what others made and no event has told of
        self.come_to_rest()
        self.twilio_is_well_treated()
        self.nothing_is_closed_twice()
        self.records_are_in_order()
        assert [record for record in self.stage.records().values() if rung(record.state) < TOP] == []
        assert self.stage.due() == []
        orphaned = self.stage.judge()["orphaned"]
        assert isinstance(orphaned, list)
        assert set(orphaned) <= self.left_open

    def come_to_rest(self) -> None:
        """Time goes on and what is due is looked at, until nothing is due any more."""
        for _ in range(TURNS_TO_REST):
            self.due = self.stage.due()
            if not self.due:
                return
            self.stage.pass_time(650)
            for name in self.due:
                self.stage.work_on(name)

    def one_of(self, which: int) -> str:
        return self.conversations[which % len(self.conversations)]


@pytest.fixture
def stage(embedded: EmbeddedStore, client: "redis.Redis", tmp_path: Path) -> Iterator[Stage]:
    rules = tmp_path / "rules.yaml"
    rules.write_text("version: 1\ndefault: {workflow: everyone}\n")
    every = Switches(system_deleted_after_end=True)  # one more late event of every task that has ended
    sandbox = start_sandbox(SandboxOptions(port=0, service_base_url="http://service.example.com", switches=every))
    yield build(sandbox, client, embedded.url, rules)
    sandbox.close()


@pytest.mark.timeout(3600 if EXAMPLES else 120)
def test_any_events_in_any_order(stage: Stage) -> None:
    machine = type("AnyOrder", (AnyOrder,), {"stage": stage})
    shrunk = (Phase.shrink,) if EXAMPLES else ()  # takes minutes; without it the failing course is printed as it was
    chosen = settings(
        max_examples=EXAMPLES or 30,
        stateful_step_count=15,
        phases=(Phase.reuse, Phase.generate, *shrunk),
        suppress_health_check=list(HealthCheck),
        deadline=None,
        print_blob=True,
    )
    run_state_machine_as_test(machine, settings=chosen)
