"""One conversation as Twilio shows it now, judged by the same verdict as the service's own.

No record of ours is asked. What the verdict would take from one, how the last task ended, TaskRouter's events tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from service.audit.history import COMPLETED, Story
from service.audit.pace import Pace
from service.flex.conversations import Talk
from service.flex.gateway import Participant
from service.reconcile.errands.listening import MARK
from service.reconcile.parts import Parts
from service.reconcile.verdict import LEFT_ON_PURPOSE, Act, ChannelLook, Verdict, judge

SETTLING_MS = 600_000  # a channel that is in setup or transfer for longer than that will not get out of it
ORPHANED = (Act.CLOSE, Act.CLOSE_CONVERSATION)
UNCLEAR = Verdict(Act.LOOK_AGAIN, "how its last task ended is not told")


@dataclass(frozen=True)
class Eye:
    """What is looked with, and when (epoch ms)."""

    parts: Parts
    pace: Pace
    now_ms: int


@dataclass(frozen=True)
class Place:
    """A conversation, one of its channels, and the tasks of that channel, oldest first."""

    conversation_sid: str
    interaction_sid: str
    channel_sid: str
    channel_type: str | None
    stories: Sequence[Story]


@dataclass(frozen=True)
class Seen:
    """What a look came to. ``since_ms``: when the last task of the channel ended, by Twilio's clock."""

    place: Place
    look: ChannelLook
    verdict: Verdict
    since_ms: int | None

    @property
    def orphaned(self) -> bool:
        """True if nobody is there, nobody is coming, and nobody has left it so on purpose."""
        return self.verdict.act in ORPHANED

    @property
    def evidence(self) -> list[str]:
        """What shows it, in words; SIDs only."""
        look, stories = self.look, self.place.stories
        last = max((one for one in stories if one.ended_ms), key=_ended, default=None)
        people = f"{len(look.people)} agents on it" if look.people else "no agent on it"
        return [
            *([f"its last task {last.sid} ended by {last.ending}"] if last else []),
            f"channel {self.place.channel_sid} is {look.channel_status or 'gone'}, {people}",
            f"no live task among {len(stories)}" if not look.live_tasks else f"live: {', '.join(look.live_tasks)}",
            f"the conversation is {look.conversation_state or 'gone'}",
        ]


def places_of(conversation_sid: str, stories: Sequence[Story]) -> list[Place]:
    """The conversation's channels, the one with the newest task first."""
    by_channel: dict[str, list[Story]] = {}
    for story in stories:
        if story.thread:
            by_channel.setdefault(story.thread.channel_sid, []).append(story)
    places = [_place(conversation_sid, told) for told in by_channel.values()]
    return sorted(places, key=lambda place: place.stories[-1].created_ms, reverse=True)


def _place(conversation_sid: str, stories: list[Story]) -> Place:
    thread = stories[-1].thread
    assert thread is not None  # they were sorted by it
    kind = next((one.channel_type for one in reversed(stories) if one.channel_type), None)
    return Place(conversation_sid, thread.interaction_sid, thread.channel_sid, kind, stories)


def look_at(eye: Eye, places: Sequence[Place]) -> Seen:
    """The verdict on a conversation: of several channels, the first that speaks against its being orphaned decides.

    Raises a Twilio fault.
    """
    talk = eye.pace.call(lambda: eye.parts.conversations.fetch(places[0].conversation_sid))
    newest: Seen | None = None
    for place in places:
        seen = _look_at_channel(eye, place, talk)
        if not seen.orphaned:
            return seen
        newest = newest or seen
    assert newest is not None  # there is at least one place
    return newest


def _look_at_channel(eye: Eye, place: Place, talk: Talk | None) -> Seen:
    gateway, names = eye.parts.gateway, (place.interaction_sid, place.channel_sid)
    status = eye.pace.call(lambda: gateway.channel_status(*names))
    people = eye.pace.call(lambda: gateway.participants(*names)) if status else []
    live = _live_tasks(eye, place, people) if status else []
    own, ended_ms = _last_end(place.stories)
    look = ChannelLook(
        channel_status=status,
        conversation_state=talk.state if talk else None,
        people=tuple(person.type for person in people if _may_serve(person)),
        own_task=own,
        live_tasks=tuple(live),
        parked=talk is not None and MARK in talk.attributes,
        settling=eye.now_ms - (ended_ms or 0) < SETTLING_MS,
    )
    verdict = judge(look, steps_left=False, on_lapse="close")
    if verdict.act is Act.CLOSE and not all(story.ending for story in place.stories):
        verdict = UNCLEAR
    return Seen(place, look, _plainly(verdict, look), ended_ms)


def _plainly(verdict: Verdict, look: ChannelLook) -> Verdict:
    """Of several reasons to leave it alone, the one that says most: what its last agent did is none of these."""
    if verdict.act is Act.RELEASE and look.parked:
        return Verdict(Act.RELEASE, "it is parked")
    if verdict.act is Act.RELEASE and look.channel_status in LEFT_ON_PURPOSE:
        return Verdict(Act.RELEASE, f"the channel is {look.channel_status}")
    return verdict


def _last_end(stories: Sequence[Story]) -> tuple[str | None, int | None]:
    """How the task that ended last ended, as a task's status, and when; None where no end was told."""
    ends = [one for one in stories if one.ended_ms is not None]
    if not ends:
        return None, None
    last = max(ends, key=_ended)
    return ("completed" if last.ending == COMPLETED else "canceled"), last.ended_ms


def _ended(story: Story) -> int:
    return story.ended_ms or 0


def _live_tasks(eye: Eye, place: Place, people: Sequence[Participant]) -> list[str]:
    """Of all tasks that the channel's invites, its participants and the events name, those that are alive now."""
    over = {one.sid for one in place.stories if one.ending}
    invited = eye.pace.call(lambda: eye.parts.gateway.invites(place.interaction_sid, place.channel_sid))
    named = [
        *(person.task_sid for person in people),
        *(made.task_sid for made in invited),
        *(one.sid for one in place.stories),
    ]
    wanted = dict.fromkeys(sid for sid in named if sid and sid not in over)
    tasks = [eye.pace.call(partial(eye.parts.taskrouter.task, sid)) for sid in wanted]
    return [task.sid for task in tasks if task is not None and task.live]


def _may_serve(person: Participant) -> bool:
    """As ``reconcile.observe`` has it: whoever is of unknown type and has no task is a bot, or the customer."""
    if person.type == "unknown":
        return person.task_sid is not None or person.worker_sid is not None
    return person.type in ("agent", "supervisor", "external")
