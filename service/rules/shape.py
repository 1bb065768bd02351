"""The structure of a rules file: which keys there are and what they hold.

What the parts mean together is for ``reading`` to judge; ``schema`` makes the JSON Schema for editors from this.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from service.model import ReleaseWord
from service.rules.checking import Shape

MAX_RULES = 1000
MAX_FALLBACKS = 9  # with the route itself: ten steps
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class WorkerFact(Shape):
    """A worker named by the request itself."""

    fact: str = Field(min_length=1, description="the name of a fact that holds a worker's SID or name")


Named = Annotated[str, Field(min_length=1, max_length=256)]
Duration = Annotated[str, Field(pattern=r"^[0-9]{1,8}[smhd]?$")] | int
WorkerShape = Annotated[
    Annotated[Named, Tag("(name)")] | Annotated[WorkerFact, Tag("(fact)")],
    Discriminator(lambda value: "(fact)" if isinstance(value, dict | WorkerFact) else "(name)"),
]  # the tags turn up among the steps to an error: in brackets none can be taken for a key


class RouteShape(Shape):
    """Where the task goes."""

    OWNERS: ClassVar[Mapping[str, type[Shape]]] = {"worker": WorkerFact}
    NULLABLE: ClassVar[frozenset[str]] = frozenset({"attributes"})

    workflow: Named | None = Field(None, description="the friendly name or SID (WW…) of a workflow")
    queue: Named | None = Field(None, description="the friendly name or SID (WQ…) of a task queue")
    worker: WorkerShape | None = Field(
        None, description="the friendly name or SID (WK…) of a worker, or {fact: name of the fact that holds it}"
    )
    direct: bool = Field(False, description="true or false; true names queue and worker to Twilio without steering")
    task_channel: Named | None = Field(None, description="the unique name or SID (TC…) of a task channel")
    priority: int | None = Field(None, ge=0, le=2**31 - 1, description="a whole number from 0 to 2147483647")
    timeout: Duration | None = Field(None, description="a time such as 20s, 2m, 12h or 14d, or plain seconds")
    skip_if: str | None = Field(
        None, description="a condition; where it holds at the moment the step is about to be tried, it is passed over"
    )
    recheck: Duration | None = Field(
        None,
        description="a time from 5s to 24h, beside skip_if: while the task waits, skip_if is asked again at least that "
        "often, and where it holds by then the next step is tried",
    )
    attributes: dict[str, Any] | None = Field(None, description="attributes that are put on the task, by name")


class FallenShape(Shape):
    """What a rule and the default share: the steps after the first, and what follows the last."""

    fallback: list[RouteShape] = Field(
        default_factory=list,
        max_length=MAX_FALLBACKS,
        description=f"a list of up to {MAX_FALLBACKS} routes, each tried when the one before it lapsed",
    )
    on_lapse: Literal["close", "leave"] = Field("close", description="close or leave")
    release: ReleaseWord | None = Field(
        None,
        description="accepted, queued or immediately: when the agent who transfers cold is let go, where the request "
        "does not say (accepted if the rule does not either)",
    )
    OWNERS: ClassVar[Mapping[str, type[Shape]]] = {"route": RouteShape, "fallback": RouteShape, "worker": WorkerFact}
    NULLABLE: ClassVar[frozenset[str]] = RouteShape.NULLABLE
    farewell: Annotated[str, Field(min_length=1, max_length=1600)] | None = Field(
        None,
        description="the text of a message, 1 to 1600 characters, sent before the conversation is closed; "
        "{opens_at:CALENDAR} becomes the time at which that calendar opens next",
    )
    give_up_after: Duration | None = Field(
        None, description="a time such as 10m: what all steps together may take, then no further one is tried"
    )


class DefaultShape(FallenShape):
    """What happens when no rule matches, written out."""

    route: RouteShape = Field(description="where the task goes: at least a workflow, queue or worker")


class RuleShape(DefaultShape):
    """One rule."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")] = Field(
        description="a name of 1 to 64 characters out of a-z, 0-9 and -"
    )
    when: str | None = Field(None, description="a condition; without it the rule always matches")
    percent: Annotated[int, Field(ge=0, le=100)] | Annotated[float, Field(ge=0, le=100)] | None = Field(
        None, description="a number from 0 to 100: the share of conversations that the rule applies to"
    )


MAX_SPANS = 24
MAX_CALENDARS = 100
Spans = Named | Annotated[list[Named], Field(max_length=MAX_SPANS)]
SPANS = f"a time span such as 08:00-17:30, a list of up to {MAX_SPANS} of them, or closed"


class HolidaysShape(Shape):
    """The public holidays of a country, as the package `holidays` knows them; a calendar is closed on them."""

    country: Named = Field(description="the code of a country, such as GB")
    subdivision: Named | None = Field(None, description="the code of a part of that country, such as ENG")


class CalendarShape(Shape):
    """When a team is there."""

    timezone: Named = Field(description="the name of a time zone, such as Europe/London")
    week: dict[str, Spans] = Field(
        default_factory=dict, description=f"days (mon, mon-fri or sat,sun), and for each {SPANS}"
    )
    holidays: HolidaysShape | None = Field(None, description="a country, and a subdivision where that matters")
    dates: dict[str, Spans] = Field(
        default_factory=dict, description=f"single days such as 2026-12-24, and for each {SPANS}"
    )


class HeadShape(Shape):
    """What stands in a rules file beside the rules."""

    OWNERS: ClassVar[Mapping[str, type[Shape]]] = {"calendars": CalendarShape, "holidays": HolidaysShape}

    version: Literal[1] = Field(description="1")
    facts: dict[str, Literal["text", "number", "boolean", "list"]] = Field(
        default_factory=dict, description="the type (text, number, boolean or list) of each attribute, by name"
    )
    lists: dict[str, list[str | int | float | bool]] = Field(
        default_factory=dict, description="lists of texts, numbers, true and false, by name"
    )
    calendars: dict[str, CalendarShape] = Field(
        default_factory=dict,
        max_length=MAX_CALENDARS,
        description=f"opening hours (timezone, week, holidays, dates), by name, up to {MAX_CALENDARS}",
    )
    via: Named | None = Field(
        None, description="the name or SID (WW…) of the workflow that carries tasks to a queue or worker"
    )


class FileShape(HeadShape):
    """A whole rules file."""

    rules: list[RuleShape] = Field(
        default_factory=list, max_length=MAX_RULES, description=f"a list of up to {MAX_RULES} rules, first match wins"
    )
    default: RouteShape | DefaultShape = Field(description="the route, or {route, fallback, …}, when no rule matches")
