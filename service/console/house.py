"""How the house stands, in a sentence: what is wrong comes first, then who waits, then that all is quiet. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from service.console.words import many, span
from service.model import ErrandState, State
from service.tracking.census import Counted
from service.tracking.checkup import Server

QUIET, BUSY, TROUBLE = "quiet", "busy", "trouble"
LEVELS = (TROUBLE, BUSY, QUIET)

LAG_S, LONG_LAG_S = 10, 45  # the reconciler looks several times a second; a lease is 25 s
MISSED_TURNS = 3
LEAST_SILENCE_S = 90
MAKING_S = 60  # a create is tried again within this time
JUDGING_S = 180
LONG_WAIT_S = 15 * 60
UNSIGNED_S = 60  # a reconcile process signs four times in this time
NEARLY_FULL = 0.9

_WAITING = (State.REQUESTED, State.PENDING)


@dataclass(frozen=True)
class House:
    """What the sentence is made of. ``counted`` None: the store is away, for ``store_fault``."""

    counted: Counted | None
    store_fault: str = ""
    rules_loaded: bool = True
    rules_fault: str = ""
    twilio_fault: str = ""
    twilio_asked: bool = False
    catch_up_every_s: float = 60
    write_fault: str = ""  # what a try to write came to, although the store can be read
    servers: tuple[Server, ...] = ()
    unsigned_s: float | None = None  # since a reconcile process has signed the roll; None: none is on it
    searching: str = ""  # why open invites are being looked for at Twilio


@dataclass(frozen=True)
class Finding:
    """Something to say: how bad it is, what it is, and what to press or to know."""

    level: str
    text: str
    hint: str = ""


def findings(house: House) -> list[Finding]:
    """Everything there is to say, the worst first; at least one."""
    if house.counted is None:
        hint = f"Requests get 503, and events are sent again by Twilio for 15 seconds. {house.store_fault}."
        return [Finding(TROUBLE, "The store does not answer: nothing can be taken, and nothing can be told.", hint)]
    found = [*_store(house), *_processes(house, house.counted), *_twilio(house), *_rules(house), *_slow(house.counted)]
    found.append(_customers(house.counted, alone=not found))
    found.sort(key=lambda one: LEVELS.index(one.level))
    return [*found, *_beginning(house.counted)]


def level_of(found: list[Finding]) -> str:
    """The worst level among the findings."""
    levels = {one.level for one in found}
    return next(level for level in LEVELS if level in levels)


def _store(house: House) -> Iterator[Finding]:
    replica = any(server.role != "master" for server in house.servers)
    if house.write_fault or replica:
        why = "It is a replica" if replica else house.write_fault
        hint = f"Requests get 503, and nothing is worked off. {why}."
        yield Finding(TROUBLE, "The store can be read, and refuses to write.", hint)
    full = max((one.used_bytes / one.most_bytes for one in house.servers if one.most_bytes), default=0.0)
    if full > NEARLY_FULL:
        yield Finding(
            BUSY, f"The store is nearly full: {100 * full:.0f} % of its memory.", "When it is full it refuses to write."
        )
    if not all(server.aof_written for server in house.servers):
        hint = "If it restarts now, it forgets what happened since. Is its disk full?"
        yield Finding(BUSY, "The store cannot write its append-only file.", hint)
    if house.searching:
        hint = f"{house.searching[:1].upper()}{house.searching[1:]}. Nothing is to be pressed; Twilio still has them."
        yield Finding(BUSY, "Open invites are being looked for at Twilio.", hint)


def _processes(house: House, counted: Counted) -> Iterator[Finding]:
    silent_s, unsigned_s = counted.catch_up_age_s, house.unsigned_s
    if unsigned_s is not None and unsigned_s > UNSIGNED_S and not house.write_fault:
        waiting = f" {many(counted.due, 'record waits', 'records wait')} for one." if counted.due else ""
        hint = f"Start one: it takes up everything where it was left.{waiting}"
        yield Finding(TROUBLE, f"No reconcile process is at work; the last one signed {span(unsigned_s)} ago.", hint)
        return
    if counted.lag_s > LONG_LAG_S and house.twilio_fault:
        text = f"{many(counted.due, 'record waits', 'records wait')} for Twilio, the longest for {span(counted.lag_s)}."
        yield Finding(TROUBLE, text, "What is due is worked off as soon as it answers; there is nothing to press.")
    elif counted.lag_s > LONG_LAG_S:
        text = (
            f"Nobody works on what is due: {many(counted.due, 'record')} wait, the longest for {span(counted.lag_s)}."
        )
        hint = "Is a reconcile process running? Start one; it takes up everything where it was left."
        yield Finding(TROUBLE, text, hint)
    elif counted.lag_s > LAG_S:
        text = f"The reconciler is {span(counted.lag_s)} behind, with {many(counted.due, 'record')} due."
        yield Finding(BUSY, text, "A second reconcile process may be started at any time.")
    if silent_s is not None and silent_s > max(MISSED_TURNS * house.catch_up_every_s, LEAST_SILENCE_S):
        hint = "Lost callbacks are not found meanwhile. Either no reconcile process runs, or Twilio does not answer it."
        yield Finding(TROUBLE, f"Twilio's events were last read {span(silent_s)} ago.", hint)


def _beginning(counted: Counted) -> Iterator[Finding]:
    if counted.catch_up_age_s is None:
        hint = "So it is for a moment after the first start; if it stays so, no reconcile process runs."
        yield Finding(QUIET, "Twilio's events have not been read yet.", hint)


def _twilio(house: House) -> Iterator[Finding]:
    if house.twilio_fault:
        hint = f"Requests are stored and made as soon as it does. What came of asking: {house.twilio_fault}."
        yield Finding(TROUBLE, "Twilio does not answer us.", hint)


def _rules(house: House) -> Iterator[Finding]:
    if not house.rules_loaded:
        yield Finding(TROUBLE, "No rules could be loaded: requests are refused.", house.rules_fault)
    elif house.rules_fault:
        hint = f"The rules in force go on deciding. {house.rules_fault}"
        yield Finding(BUSY, "The rules file as it is now cannot be used.", hint)


def _slow(counted: Counted) -> Iterator[Finding]:
    making_s = counted.oldest_s.get(State.REQUESTED, 0)
    if making_s > MAKING_S:
        text = (
            f"{many(counted.open[State.REQUESTED], 'invite')} not made at Twilio yet, the oldest for {span(making_s)}."
        )
        yield Finding(TROUBLE, text, "Stuck shows why, grouped by cause.")
    judging_s = counted.oldest_s.get(State.LAPSED, 0)
    if counted.open[State.LAPSED] and counted.due and judging_s > JUDGING_S:
        text = f"{many(counted.open[State.LAPSED], 'conversation')} may be without anybody and not yet looked at."
        yield Finding(BUSY, text, "Stuck shows which.")


def _customers(counted: Counted, *, alone: bool) -> Finding:
    waiting = sum(counted.open[state] for state in _WAITING)
    attended = counted.open[State.ACCEPTED]
    oldest_s = max((counted.oldest_s.get(state, 0) for state in _WAITING), default=0)
    if not waiting:
        text = "All is quiet: nobody waits." if alone else "Nobody waits."
        return Finding(QUIET, text, f"{many(attended, 'customer is', 'customers are')} with an agent.")
    text = f"{many(waiting, 'customer waits', 'customers wait')}, the longest for {span(oldest_s)}."
    hint = f"{many(attended, 'more is', 'more are')} with an agent." if attended else "Nobody is with an agent."
    return Finding(BUSY if oldest_s > LONG_WAIT_S else QUIET, text, hint)


# State → the words that people read for it, in the order of a life.
STATES: Mapping[str, str] = {
    State.REQUESTED: "being made",
    State.PENDING: "waiting",
    State.ACCEPTED: "with an agent",
    State.LAPSED: "nobody came, being judged",
    State.FAILED: "refused by Twilio",
    State.CANCELED: "called off",
    State.COMPLETED: "completed",
    State.CLOSED: "closed",
    State.RELEASED: "let go",
    State.SUPERSEDED: "next step taken",
    ErrandState.TAKEN: "errand under way",
    ErrandState.PARKED: "parked",
    ErrandState.WAKING: "being woken",
    ErrandState.DONE: "errand done",
    ErrandState.REFUSED: "errand refused",
}
