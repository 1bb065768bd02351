"""Know the open invites again after the store has forgotten them: from Twilio's events, and from its live tasks.

The store's own memory cannot be trusted to say that it is whole. Every partition carries a mark that each catch-up
renews; one without it was emptied, one with an older mark than the others, or than this process has seen, was set
back (a backup, a fail-over, a node of a cluster that came back with nothing).

What comes back is what Twilio shows: our id, the rule's name and what to do on a lapse stand in the task's attributes.
Forgotten for good: requests answered 202 that had not become a task, the further steps of a rule, idempotency keys
(``known_again`` stands in for them while the invite is open), and traces.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

import structlog

from service.errors import RouterError
from service.model import Invite, Kind, State
from service.reconcile.parts import Parts
from service.reconcile.replay import A_DAY_MINUTES, replay
from service.tracking.arrival import adopt_task
from service.tracking.marks import Beats, Marks
from service.tracking.store import Store

log = structlog.stdlib.get_logger("service.resync")

AWAY_MS = 15 * 60_000  # without a catch-up for so long, a store that was set back looks like a service that was off
APART_MS = 60_000  # the marks of one catch-up are written within a second or so, over all partitions
FETCHES_A_SECOND = 10.0  # Twilio publishes no limit for reading single tasks; its lowest published one is 3 a second
SLICE_S = 20.0  # of one turn of the catch-up; then events come first again
TELL_EVERY = 50


@dataclass(frozen=True)
class Tally:
    """How far a resync has come. ``left``: live tasks that could not be looked at yet."""

    events: int = 0
    news: int = 0
    tasks: int = 0
    known_before: int = 0
    known_again: int = 0
    not_flex: int = 0
    gone: int = 0
    left: int = 0


Tell = Callable[[Tally], None]


def notice(marks: Marks, beats: Beats, now_ms: int) -> str | None:
    """What the store seems to have forgotten, as a few words; None if nothing. ``now_ms`` is the store's time."""
    known = [beat for beat in beats if beat is not None]
    seen, marks.newest_beat = marks.newest_beat, max([marks.newest_beat, *known])
    if not known:
        return "the store is empty"
    if len(known) < len(beats):
        return f"{len(beats) - len(known)} of {len(beats)} partitions are empty"
    if min(known) < 0:
        return "what was forgotten has not been made up for yet"
    if min(known) + APART_MS < max(known) or min(known) + APART_MS < seen:
        return "the store was set back"
    return "no catch-up for a long time" if min(known) + AWAY_MS < now_ms else None


def resync(parts: Parts, *, minutes: int = A_DAY_MINUTES, tell: Tell = lambda _: None) -> Tally:
    """All of it at once, for the command line: events of the last ``minutes``, then every live task.

    Raises a Twilio or store fault; it can be run again at any time, and beside a running service.
    """
    parts.notes.want_resync("asked for")
    heard = replay(parts, minutes=minutes)
    tally = Tally(events=heard.read, news=heard.news)
    tell(tally)
    tally = take_up_live_tasks(parts, tally, tell=tell)
    if not tally.left:
        parts.notes.resync_done()
    return tally


def resync_text(parts: Parts, *, hours: int, as_json: bool, tell: Callable[[str], None]) -> tuple[int, str]:
    """``resync`` as a command: exit code and what to print; ``tell`` is given a line of progress now and then."""
    began = time.monotonic()
    try:
        tally = resync(parts, minutes=60 * hours, tell=lambda tally: tell(_line(tally)))
    except RouterError as error:
        return 1, json.dumps({"done": False, "why": error.detail}) if as_json else f"not done: {error.detail}"
    took_s = round(time.monotonic() - began, 1)
    done = not tally.left
    if as_json:
        return int(not done), json.dumps({"done": done, "took_s": took_s, **asdict(tally)})
    return int(not done), f"{_line(tally)}, in {took_s} s"


def _line(tally: Tally) -> str:
    return (
        f"{tally.events} events ({tally.news} news), {tally.tasks} live tasks: {tally.known_before} known before, "
        f"{tally.known_again} known again, {tally.not_flex} not of Flex, {tally.gone} gone meanwhile, {tally.left} left"
    )


def resync_some(parts: Parts) -> Tally:
    """A slice of what ``notice`` has asked for, as part of a catch-up that has heard the events already."""
    tally = take_up_live_tasks(parts, Tally(), until=time.monotonic() + SLICE_S)
    if not tally.left:
        parts.notes.resync_done()
    log.warning("resync.done" if not tally.left else "resync.goes_on", **asdict(tally))
    return tally


def take_up_live_tasks(parts: Parts, tally: Tally, *, until: float = math.inf, tell: Tell = lambda _: None) -> Tally:
    """Track every live task of Flex's that is not tracked yet; what remains after ``until`` (monotonic) is ``left``."""
    passed_over = parts.notes.not_flex()
    next_fetch = 0.0
    for task_sid, listed in parts.taskrouter.live_tasks():
        if _is_known(parts.store, task_sid):
            word = "known_before"
        elif task_sid in passed_over:
            word = "not_flex"
        elif time.monotonic() > until:
            word = "left"
        elif listed is not None:
            word = _take_up(parts, task_sid, listed)
        else:
            time.sleep(max(0.0, next_fetch - time.monotonic()))
            next_fetch = time.monotonic() + 1 / FETCHES_A_SECOND
            word = _fetch_and_take_up(parts, task_sid)
        tally = replace(tally, tasks=tally.tasks + 1, **{word: getattr(tally, word) + 1})
        if tally.tasks % TELL_EVERY == 0:
            tell(tally)
    return tally


def _is_known(store: Store, task_sid: str) -> bool:
    invite_id = store.id_of_task(task_sid)
    return invite_id is not None and store.get(invite_id) is not None


def _fetch_and_take_up(parts: Parts, task_sid: str) -> str:
    task = parts.taskrouter.task(task_sid)
    return _take_up(parts, task_sid, task.attributes) if task is not None and task.live else "gone"


def _take_up(parts: Parts, task_sid: str, attributes: Mapping[str, object]) -> str:
    if adopt_task(parts.store, task_sid, attributes, parts.pace):
        return "known_again"
    parts.notes.note_not_flex(task_sid)
    return "not_flex"


def known_again(store: Store, kind: Kind, sid: str) -> Invite | None:
    """An open invite of ours on this conversation or channel that is only known again from Twilio, if there is one.

    The key of the request that has led to it is forgotten: the same request coming again would look new.
    """
    open_states = (State.PENDING, State.ACCEPTED) if kind is Kind.ESCALATION else (State.PENDING,)
    for invite in store.of_anchor(sid):
        if invite.kind is kind and invite.state in open_states and not invite.plan.rules_sha256:
            return invite
    return None
