"""The life of an invite as data: states, signals and the allowed moves. Pure; nothing here acts or waits.

Only forward: a duplicate or a late arrival finds no row and is ignored. The tables are drawn as graphs in
``docs/explanation/life-of-an-invite.md``.
"""

from service.model import ErrandState, State

REQUESTED, PENDING, ACCEPTED = State.REQUESTED, State.PENDING, State.ACCEPTED
COMPLETED, LAPSED, CLOSED = State.COMPLETED, State.LAPSED, State.CLOSED
RELEASED, SUPERSEDED = State.RELEASED, State.SUPERSEDED
FAILED, CANCELED = State.FAILED, State.CANCELED

# signal → {state before: state after}
TRANSITIONS: dict[str, dict[State, State]] = {
    # Twilio has made the task (our create answered, or an event or a list showed it)
    "created": {REQUESTED: PENDING},
    # an agent took it
    "accepted": {REQUESTED: ACCEPTED, PENDING: ACCEPTED},
    # the task was completed: says nothing about the conversation
    "completed": {REQUESTED: COMPLETED, PENDING: COMPLETED, ACCEPTED: COMPLETED},
    # the task ended with nobody having come, or died under its agent: a hint, judged after a grace
    "lapsed": {REQUESTED: LAPSED, PENDING: LAPSED, ACCEPTED: LAPSED},
    # Twilio said no to the create
    "refused": {REQUESTED: FAILED},
    # an app called the invite off; the task.canceled that this raises may arrive first and look like a lapse
    "canceled": {REQUESTED: CANCELED, PENDING: CANCELED, LAPSED: CANCELED},
    # the verdicts on a lapsed invite's channel
    "closed": {LAPSED: CLOSED},
    "released": {LAPSED: RELEASED},
    "superseded": {LAPSED: SUPERSEDED},
}

LIVE = frozenset({REQUESTED, PENDING, ACCEPTED})
FINAL = frozenset({COMPLETED, CLOSED, RELEASED, SUPERSEDED, FAILED, CANCELED})

TAKEN, PARKED, WAKING = ErrandState.TAKEN, ErrandState.PARKED, ErrandState.WAKING

# The life of an errand: only a park rests, and may be woken several times until an invite stands.
ERRAND_TRANSITIONS: dict[str, dict[ErrandState, ErrandState]] = {
    "done": {TAKEN: ErrandState.DONE, PARKED: ErrandState.DONE, WAKING: ErrandState.DONE},
    "refused": {TAKEN: ErrandState.REFUSED},
    "parked": {TAKEN: PARKED, WAKING: PARKED},
    "waking": {PARKED: WAKING},
}

# Event types of the "TaskRouter Events reference" → our signals. A lapse is only a hint: one dead invite raises
# several of these, and none of them says whether somebody else is on the channel.
EVENT_SIGNALS: dict[str, str] = {
    "task.created": "created",
    "workflow.entered": "created",
    "workflow.target-matched": "created",
    "task-queue.entered": "created",
    "reservation.created": "created",
    "reservation.accepted": "accepted",
    "task.completed": "completed",
    "task.canceled": "lapsed",
    "task.deleted": "lapsed",
    "task.system-deleted": "lapsed",
    "workflow.timeout": "lapsed",
    "workflow.skipped": "lapsed",
}

# What the catch-up reads from the Events API, one type a call; the others of the table only repeat these.
CAUGHT_UP = (
    "task.created",
    "reservation.accepted",
    "task.completed",
    "task.canceled",
    "task.deleted",
    "task.system-deleted",
    "workflow.timeout",
    "workflow.skipped",
)

# The workspace's EventsFilter for the callback URL.
EVENTS_FILTER = ",".join(EVENT_SIGNALS)


def sources(signal: str) -> tuple[State, ...]:
    """The states in which ``signal`` moves an invite."""
    return tuple(TRANSITIONS[signal])


def after(signal: str, before: State) -> State | None:
    """Where ``signal`` takes an invite from ``before``; None if it is to be ignored there."""
    return TRANSITIONS[signal].get(before)
