"""From a request to an invite that can be made: the decision of the rules, with task channels, checked for size."""

from collections.abc import Mapping
from dataclasses import replace

from service.errors import FieldError, InvalidFieldsError
from service.flex.attributes import characters, most_characters, task_attributes
from service.metrics import record
from service.model import Invite, RoutingRequest, State
from service.reconcile.rulebook import Decision, Rulebook
from service.rules.resolve import Directory
from service.tracking.records import new_invite_id

DRY_RUN = "dry_run"
_TASK_CHANNELS = {"email": "email", "voice": "voice"}


def fitting_decision(book: Rulebook, request: RoutingRequest, *, explained: bool = False) -> Decision:
    """The decision, with task channels. ``explained``: a dry run, with the reasons.

    Raises InvalidFieldsError if a step's attributes do not fit a task.
    """
    directory = book.names.fresh()
    decision = book.decide(request, explained=explained)
    record.decided(request.kind, decision.plan.rule, DRY_RUN if explained else _first_tried(decision))
    steps = tuple(
        step if step.task_channel else replace(step, task_channel=_task_channel(request, directory))
        for step in decision.plan.steps
    )
    decision = replace(decision, plan=replace(decision.plan, steps=steps))
    made = draft(request, decision)
    present = ("WK" + "0" * 32,) if request.origin else ()  # the agent who hands on will be on the task's list
    longest = max((task_attributes(made, step, present=present) for step in steps), key=characters, default={})
    if characters(longest) > most_characters(longest):
        fault = FieldError("attributes", _too_long(longest, request))
        raise InvalidFieldsError("The task's attributes are too large", errors=(fault,))
    return decision


def _first_tried(decision: Decision) -> str:
    if not decision.fits:
        return "no_step_fits"
    return "later_step" if decision.step else "first_step"


def draft(
    request: RoutingRequest,
    decision: Decision,
    *,
    conversation: str | None = None,
    interaction: str | None = None,
    channel: str | None = None,
) -> Invite:
    """The record of the request's first invite, not yet written."""
    return Invite(
        id=new_invite_id(conversation or channel or ""),
        kind=request.kind,
        state=State.REQUESTED,
        created_at_ms=0,
        request=request,
        plan=decision.plan,
        step=decision.step,
        interaction_sid=interaction,
        channel_sid=channel,
        conversation_sid=conversation,
    )


def _too_long(found: Mapping[str, object], request: RoutingRequest) -> str:
    size = characters(request.carried) if request.carried else 0
    carried = f" and {size} characters carried over from the old task" if size else ""
    made = f"with those of the rule{carried} they make {characters(found)} characters of JSON"
    return f"{made}; beside what Flex adds TaskRouter allows {most_characters(found)}"


def _task_channel(request: RoutingRequest, directory: Directory) -> str | None:
    """Flex shows messaging tasks on ``chat``; a workspace without such a channel is left to Twilio's default."""
    wanted = _TASK_CHANNELS.get(request.channel_type or "", "chat")
    return wanted if wanted in (directory.task_channels or {}) else None
