"""What a Flex user's roles allow."""

import pytest

from service.errors import ForbiddenError
from service.flex.tokens import FlexUser
from service.intake.callers import flex_caller
from service.intake.keys import EVERYTHING, SCOPES
from tests.conftest import sid

WK = sid("WK", 1)


@pytest.mark.parametrize("role", ["supervisor", "admin"])
@pytest.mark.parametrize("scope", [scope for scope in SCOPES if scope != EVERYTHING])
def test_supervisors_may_do_anything(role: str, scope: str) -> None:
    caller = flex_caller(FlexUser(WK, frozenset({role, "agent"})), scope)
    assert (caller.id, caller.worker_sid, caller.bound) == (f"flex:{WK}", WK, False)


@pytest.mark.parametrize(
    "scope", ["transfer", "invites:read", "invites:cancel", "conversations:act", "conversations:read"]
)
def test_agents_are_bound_to_what_they_attend(scope: str) -> None:
    caller = flex_caller(FlexUser(WK, frozenset({"agent"})), scope)
    assert (caller.id, caller.worker_sid, caller.bound) == (f"flex:{WK}", WK, True)


@pytest.mark.parametrize("scope", ["escalate", "decide", "metrics"])
def test_agents_may_not_do_what_apps_do(scope: str) -> None:
    with pytest.raises(ForbiddenError, match="not for agents"):
        flex_caller(FlexUser(WK, frozenset({"agent"})), scope)


@pytest.mark.parametrize("roles", [set(), {"wfo.full_access"}, {"Agent"}], ids=str)
def test_other_roles_may_nothing(roles: set[str]) -> None:
    with pytest.raises(ForbiddenError, match="role agent, supervisor or admin"):
        flex_caller(FlexUser(WK, frozenset(roles)), "transfer")
