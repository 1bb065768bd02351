"""Several TaskRouter events at once: they do what they would do one after the other, nearly always in one round trip.

First all are tried together; that is all there is to it for those whose invite is named in them and known. The others
have changed nothing yet, and go one by one in their order, behind what those before them have taught. Where the invite
of a task has to be looked up first, the task's later events wait for that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from service.errors import StoreUnavailableError
from service.model import TaskEvent, Thread
from service.tracking.arrival import FOREIGN, IRRELEVANT, Arrival, Pace, place_of, take_event, wish_of
from service.tracking.lifecycle import EVENT_SIGNALS
from service.tracking.store import Link, Outcome, Place, Step, Store

Taken = Arrival | Exception  # what became of an event, or why it could not be recorded


def take_events(store: Store, events: Sequence[TaskEvent], pace: Pace) -> list[Taken]:
    """Record them in their order. Raises nothing: an event that could not be recorded has its fault in its place, and
    may be given again."""
    tries = _tries(events, pace)
    asked = [one for each in tries for one in each.asks()]
    try:
        answers = iter(store.ask_all(asked) if asked else [])
    except StoreUnavailableError as error:
        return [Arrival(IRRELEVANT) if one.wish is None else error for one in tries]
    batch = _Batch(store, pace)
    for one in tries:
        batch.add(one, [next(answers) for _ in one.asks()])
    batch.remember()
    return batch.found


@dataclass(frozen=True)
class _Try:
    """An event, and what is asked of the store for it; nothing if its type changes nothing."""

    event: TaskEvent
    wish: Step | Link | None
    waits: bool  # for an event before it

    def asks(self) -> tuple[Step | Link, ...]:
        """The wish; and where a task is taken, whether it leads to its invite already, as it nearly always does."""
        if self.wish is None or self.waits:
            return ()
        thread = Thread.of(self.event.attributes)
        if EVENT_SIGNALS[self.event.type] != "accepted" or thread is None or not isinstance(self.wish, Step):
            return (self.wish,)
        return (self.wish, Link("task", self.event.task_sid or ""), Link("chan", thread.channel_sid))


def _tries(events: Sequence[TaskEvent], pace: Pace) -> list[_Try]:
    looked_up: set[str | None] = set()
    made = []
    for event in events:
        made.append(_Try(event, wish_of(event, pace), event.task_sid in looked_up))
        if isinstance(made[-1].wish, Link):
            looked_up.add(event.task_sid)
    return made


@dataclass
class _Batch:
    """What has come of the events so far."""

    store: Store
    pace: Pace
    found: list[Taken] = field(default_factory=list)
    _followed: set[str] = field(default_factory=set)  # tasks that events of this batch were about
    _owed: dict[int, Place] = field(default_factory=dict)  # what is still to be remembered, by the event's number

    def add(self, one: _Try, answers: Sequence[object]) -> None:
        """Settle the next event."""
        taken, event = _plain(one, answers), one.event
        if taken is None or (taken == Arrival(FOREIGN) and event.task_sid in self._followed):
            self.remember()
            taken = self._by_itself(event)
        elif isinstance(taken, Arrival) and not _leads(event, taken, answers[1:]):
            place = place_of(event, taken)
            if place is not None:
                self._owed[len(self.found)] = place
        if isinstance(taken, Arrival) and taken.word not in (FOREIGN, IRRELEVANT):
            self._followed.add(event.task_sid or "")
        self.found.append(taken)

    def remember(self) -> None:
        """Let the invites that were moved be found by their tasks and threads."""
        owed, self._owed = self._owed, {}
        try:
            if owed:
                self.store.remember(*owed.values())
        except StoreUnavailableError as error:
            for number in owed:
                self.found[number] = error

    def _by_itself(self, event: TaskEvent) -> Taken:
        try:
            return take_event(self.store, event, self.pace)
        except Exception as error:  # a record that this code cannot handle must not stop the other events
            return error


def _plain(one: _Try, answers: Sequence[object]) -> Taken | None:
    """What became of an event by its first try; None if that is not all there is to it."""
    if one.wish is None:
        return Arrival(IRRELEVANT)
    if one.waits:
        return None
    answer = answers[0]
    if isinstance(answer, Exception):
        return answer
    if isinstance(answer, Outcome) and isinstance(one.wish, Step) and answer.word not in ("missing", "guarded"):
        return Arrival(answer.word, one.wish.record_id, answer.state, first=answer.first)
    return Arrival(FOREIGN) if answer is None else None  # a task that is none of Flex's, and that nobody follows


def _leads(event: TaskEvent, arrival: Arrival, answers: Sequence[object]) -> bool:
    """True if the task leads to the invite, and the channel to the conversation, already."""
    thread = Thread.of(event.attributes)
    return thread is not None and list(answers) == [arrival.invite_id, thread.conversation_sid]
