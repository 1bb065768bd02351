"""Who calls, and what their role allows. Pure; what an agent attends is asked in ``permits``."""

from dataclasses import dataclass

from service.errors import ForbiddenError
from service.flex.tokens import FlexUser

AGENT, SUPERVISORS = "agent", frozenset({"supervisor", "admin"})
AGENTS_MAY = frozenset({"transfer", "invites:read", "invites:cancel", "conversations:act", "conversations:read"})


@dataclass(frozen=True)
class Caller:
    """Whoever sent a request. ``id``: ``key:<id>``, ``flex:WK…`` or ``twilio``, as records keep it."""

    id: str
    worker_sid: str | None = None  # a Flex user's own
    bound: bool = False  # an agent: may touch only what that agent attends


TWILIO = Caller("twilio")


def flex_caller(user: FlexUser, scope: str) -> Caller:
    """A Flex user who may do ``scope``: supervisors and admins all, agents what agents do. Raises ForbiddenError."""
    if user.roles & SUPERVISORS:
        return Caller(f"flex:{user.worker_sid}", user.worker_sid)
    if AGENT not in user.roles:
        raise ForbiddenError("a Flex user needs the role agent, supervisor or admin here")
    if scope not in AGENTS_MAY:
        raise ForbiddenError("this is for supervisors and apps, not for agents")
    return Caller(f"flex:{user.worker_sid}", user.worker_sid, bound=True)
