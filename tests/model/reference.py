"""The life of an invite once more, written down independently and as small as it gets. Knows nothing of the service.

A record only ever goes up this ladder; what an event would take down, or sideways at the top, it leaves alone.
"""

RUNG = {"requested": 0, "pending": 1, "accepted": 2, "lapsed": 3}  # every other state is at the top
TOP = 4

MADE = ("task.created", "workflow.entered", "workflow.target-matched", "task-queue.entered", "reservation.created")
DEAD = ("task.canceled", "task.deleted", "task.system-deleted", "workflow.timeout", "workflow.skipped")

LEADS_TO = (
    dict.fromkeys(MADE, "pending")
    | dict.fromkeys(DEAD, "lapsed")
    | {"reservation.accepted": "accepted", "task.completed": "completed"}
)


def rung(state: str) -> int:
    """How far along a state is."""
    return RUNG.get(state, TOP)


def after_event(event_type: str, before: str | None, *, about_flex: bool) -> str | None:
    """The state of a task's record once an event of that task has been heard; None: there is no record.

    ``about_flex``: the event tells whose conversation it is about; only then can an unknown task be taken up.
    """
    if event_type not in LEADS_TO:
        return before
    target = LEADS_TO[event_type]
    if before is None:
        if not about_flex:
            return None
        before = "pending"
    if before == "lapsed":  # what becomes of it is for a look to say, no event
        return before
    return target if rung(target) > rung(before) else before
