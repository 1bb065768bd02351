"""All open conversations of an account, sorted by what Twilio shows of them.

How they are found, and how sure that is:

* the list of Conversations by state (OpenAPI file: documented) holds every open one, in Flex or not;
* task.created and the events of a task's end (Events API, attributes kept for 30 days: documented) lead from a
  conversation to its interaction, channel and tasks; without a task event in that time it is not judged: it has never
  been in Flex (a bot has it), or is older;
* the list of live tasks (Tasks by AssignmentStatus: documented) says who is served or waits, without a call for each;
* for what is left, channel, participants, invites and conversation are read one by one, and judged.

ParticipantConversations finds conversations of one address only, and is of no use here.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from service.audit.history import Story, read_histories
from service.audit.look import Eye, Place, Seen, look_at, places_of
from service.audit.pace import Pace
from service.flex.inventory import OPEN_STATES, PAGE, Inventory, Listed
from service.flex.taskrouter import PAGE as TASKS_PAGE
from service.reconcile.parts import Parts
from service.reconcile.verdict import Act

LONGEST_DAYS = 30
NOT_IN_FLEX, WAITED_FOR = "not in Flex, as far as events tell", "a task of it is alive"

Progress = Callable[[str, int, int | None], None]  # what, how many so far, of how many (None: not known yet)


@dataclass
class Survey:
    """What came of an audit. ``others``: the conversations that are not orphaned, counted by the reason."""

    orphaned: list[Seen] = field(default_factory=list)
    unclear: list[Seen] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    @property
    def looked_at(self) -> int:
        """How many open conversations there are."""
        return len(self.orphaned) + len(self.unclear) + self.others.total()


def survey(
    parts: Parts, inventory: Inventory, pace: Pace, *, since: datetime, progress: Progress = lambda *_: None
) -> Survey:
    """Look at the whole account; events are read from ``since`` on. Changes nothing. Raises a Twilio fault."""
    open_ones = list(_open_conversations(inventory, pace, progress))
    stories = read_histories(parts.taskrouter, pace, since=since, heard=lambda count: progress("events", count, None))
    live = pace.call(lambda: _live(parts, pace))
    made, left = Survey(), dict[str, list[Place]]()
    for conversation in open_ones:
        told = stories.get(conversation.sid, [])
        if _is_alive(told, live):
            made.others[WAITED_FOR] += 1
        elif places := places_of(conversation.sid, told):
            left[conversation.sid] = places
        else:
            made.others[NOT_IN_FLEX] += 1
    for number, places in enumerate(left.values(), 1):
        _sort_in(made, look_at(Eye(parts, pace, now_ms()), places))
        progress("conversations", number, len(left))
    made.orphaned.sort(key=lambda seen: seen.since_ms or 0)
    return made


def _open_conversations(inventory: Inventory, pace: Pace, progress: Progress) -> Iterable[Listed]:
    found: dict[str, Listed] = {}  # one that goes inactive in between is in both lists
    for state in OPEN_STATES:
        found.update((one.sid, one) for one in pace.call(partial(_in_state, inventory, pace, state)))
        progress("open conversations", len(found), None)
    return found.values()


def _in_state(inventory: Inventory, pace: Pace, state: str) -> list[Listed]:
    return list(pace.pages(inventory.conversations(state), PAGE))


def _live(parts: Parts, pace: Pace) -> set[str]:
    return {sid for sid, _ in pace.pages(parts.taskrouter.live_tasks(), TASKS_PAGE)}


def _is_alive(told: Iterable[Story], live: set[str]) -> bool:
    return any(story.sid in live for story in told)


def _sort_in(made: Survey, seen: Seen) -> None:
    if seen.orphaned:
        made.orphaned.append(seen)
    elif seen.verdict.act is Act.LOOK_AGAIN and not seen.look.people and not seen.look.live_tasks:
        made.unclear.append(seen)
    else:
        made.others[seen.verdict.reason] += 1


def now_ms() -> int:
    """Our own clock, epoch milliseconds."""
    return time.time_ns() // 1_000_000
