"""A task that waits is looked at again: is its step still worth waiting for, and would another one be tried?"""

from dataclasses import replace

import structlog

from service.errors import TwilioAmbiguousError, TwilioRefusedError
from service.model import Invite, State
from service.reconcile.fulfil import recheck_s
from service.reconcile.observe import observe
from service.reconcile.parts import Parts
from service.reconcile.rulebook import Rulebook
from service.reconcile.verdict import Act, judge

log = structlog.stdlib.get_logger("service.invite")

_CANCEL_REASON = "passed over while it waited: the next step is tried"


def is_passed_over(parts: Parts, book: Rulebook, invite: Invite, *, now_ms: int) -> bool:
    """True if the step of a waiting task is to be skipped by now, and another one would be tried in its place.

    Otherwise the task is left to wait: where every further step is to be skipped too, the time for all steps is up,
    or the channel is not one that the next step would be tried on (an agent is there, another task is alive).
    """
    if invite.state is not State.PENDING or invite.task_sid is None or recheck_s(invite) is None:
        return False
    if book.next_step(invite, invite.step, now_ms=now_ms) in (None, invite.step):
        return False
    if invite.interaction_sid is None or invite.channel_sid is None:
        return True
    ended = replace(invite, state=State.LAPSED, ended_at_ms=now_ms)  # as it would be judged
    look = replace(observe(parts, ended), own_task=None)
    return judge(look, steps_left=True, on_lapse=invite.plan.on_lapse).act is Act.NEXT_STEP


def call_off(parts: Parts, invite: Invite) -> None:
    """Cancel the waiting task. A refusal (accepted or ended meanwhile) and a lost answer are settled by a look."""
    assert invite.task_sid is not None
    try:
        parts.taskrouter.cancel_task(invite.task_sid, _CANCEL_REASON)
    except (TwilioRefusedError, TwilioAmbiguousError) as error:
        log.info("invite.cancel_unsure", invite=invite.id, task=invite.task_sid, why=error.detail)
