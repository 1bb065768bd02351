"""What the background work is done with, and how long it waits for things."""

from dataclasses import dataclass

from service.flex.conversations import Conversations
from service.flex.gateway import Gateway
from service.flex.http import BoundedHttpClient
from service.flex.statistics import Statistics
from service.flex.taskrouter import TaskRouter
from service.reconcile.made_tasks import MadeTasks
from service.tracking.arrival import Pace
from service.tracking.census import Census
from service.tracking.closings import Closings
from service.tracking.errands import Errands
from service.tracking.figures import Figures
from service.tracking.hits import Hits
from service.tracking.hours import Hours
from service.tracking.idempotency import IdempotencyKeys
from service.tracking.marks import Marks
from service.tracking.notes import Notes
from service.tracking.roll import Roll
from service.tracking.store import Store


@dataclass(frozen=True)
class Parts:
    """The store, Twilio, and the paces. One per process; safe to share between threads."""

    store: Store
    errands: Errands
    keys: IdempotencyKeys
    closings: Closings
    notes: Notes
    marks: Marks
    census: Census
    figures: Figures
    hours: Hours
    hits: Hits
    roll: Roll
    statistics: Statistics
    gateway: Gateway
    conversations: Conversations
    taskrouter: TaskRouter
    http: BoundedHttpClient
    made_tasks: MadeTasks
    pace: Pace
    settle_s: float = 20.0  # how long a create without an answer is looked for
    lease_s: float = 60.0  # how long claimed work is ours; longer than any piece of work takes
    wake_url: str = ""  # where Conversations tells of messages in parked conversations
    parked_look_s: float = 900.0  # how often a parked conversation is compared with Twilio
    call_s: float = 10.0  # budget of one piece of work's calls to Twilio
