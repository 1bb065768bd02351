"""Who a Flex user is: the token that Flex gives its plugins, checked with Twilio and remembered for a moment.

The request and its answer are those of Twilio's own validator (npm ``twilio-flex-token-validator`` 1.6.0); no OpenAPI
file has them. Of the answer only worker, roles and expiration are kept: identity and user id are personal. Tokens are
known by their SHA-256, so that none lies in memory longer than its request.
"""

import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from twilio.http.response import Response

from service.errors import TwilioAmbiguousError, TwilioUnavailableError
from service.flex.calls import named
from service.flex.http import BoundedHttpClient, budget
from service.model import is_sid

CHECK_S = 3.0  # one check, waiting for another one of the same token included
KEPT_S = 60.0
REFUSED_KEPT_S = 10.0
MOST_KEPT = 4096
MOST_CHECKS = 8
MOST_CHARACTERS = 6000

_FORM = re.compile(r"[A-Za-z0-9_=-]*(\.[A-Za-z0-9_=-]*){2,8}")  # a JWE or JWT in its compact form
_STRIPES = 64


@dataclass(frozen=True)
class FlexUser:
    """Somebody who is logged in to Flex. ``roles`` as Flex has them: agent, supervisor, admin, …"""

    worker_sid: str
    roles: frozenset[str]


@dataclass(frozen=True)
class _Known:
    user: FlexUser | None
    until: float  # by the monotonic clock


class FlexTokens:
    """The tokens of one account. One per process; safe to share between threads."""

    def __init__(
        self,
        login: tuple[str, str],
        *,
        base_url: str | None = None,
        region: str | None = None,
        checks: int = MOST_CHECKS,
        kept: int = MOST_KEPT,
    ) -> None:
        """``login``: account SID and auth token. ``base_url`` takes the place of Twilio's own address (the sandbox).
        ``checks``: requests that may be in here at once; further ones are told to come again. ``kept``: tokens that
        are remembered.
        """
        account_sid, host = login[0], f"iam.{region}.twilio.com" if region else "iam.twilio.com"
        self._address = f"https://{host}/v1/Accounts/{account_sid}/Tokens/validate"
        self._login = login
        self._kept = kept
        self._http = BoundedHttpClient(base_url=base_url, connections=checks)
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._guard = threading.Lock()
        self._turns = [threading.Lock() for _ in range(_STRIPES)]
        self._hands = threading.BoundedSemaphore(checks)

    def user(self, token: str) -> FlexUser | None:
        """Whose token this is; None if it is nobody's (any more). Raises TwilioUnavailableError if it is not known."""
        if len(token) > MOST_CHARACTERS or not _FORM.fullmatch(token):
            return None
        digest = sha256(token.encode()).digest()
        known = self._remembered(digest)
        if known is None:
            with self._turn(digest):
                known = self._remembered(digest) or self._remember(digest, self._checked(token))
        return known.user

    @contextmanager
    def _turn(self, digest: bytes) -> Iterator[None]:
        """One check of a token at a time, and never so many that no thread is left for anything else."""
        if not self._hands.acquire(blocking=False):
            raise TwilioUnavailableError("too many Flex tokens are being checked", retry_after_s=1)
        turn, deadline = self._turns[digest[0] % _STRIPES], time.monotonic() + CHECK_S
        try:
            if not turn.acquire(timeout=CHECK_S):
                raise TwilioUnavailableError("the Flex token could not be checked in time", retry_after_s=1)
            try:
                with budget(max(0.1, deadline - time.monotonic())):
                    yield
            finally:
                turn.release()
        finally:
            self._hands.release()

    def _remembered(self, digest: bytes) -> _Known | None:
        with self._guard:
            known = self._known.get(digest)
            return known if known and known.until > time.monotonic() else None

    def _remember(self, digest: bytes, known: _Known) -> _Known:
        with self._guard:
            self._known[digest] = known
            self._known.move_to_end(digest)
            while len(self._known) > self._kept:
                self._known.popitem(last=False)
        return known

    def _checked(self, token: str) -> _Known:
        named("validate token")
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Cache-Control": "no-cache"}
        try:
            answer = self._http.request(
                "POST", self._address, data=json.dumps({"token": token}), headers=headers, auth=self._login
            )
        except TwilioAmbiguousError as error:  # nothing happens by a check: whatever the fault, it may be repeated
            raise TwilioUnavailableError(
                "the Flex token could not be checked", retry_after_s=error.retry_after_s
            ) from None
        return _read(answer)


def _read(answer: Response) -> _Known:
    """Raises TwilioUnavailableError for an answer that says nothing about the token."""
    if answer.status_code in (401, 403):
        raise TwilioUnavailableError("validate token: Twilio refuses our credentials", retry_after_s=30)
    now = time.monotonic()
    if 400 <= answer.status_code < 500:
        return _Known(None, now + REFUSED_KEPT_S)
    try:
        told = json.loads(answer.text)
        valid, worker_sid, roles = told["valid"], told.get("worker_sid"), told.get("roles") or []
        left_s = _left_s(told.get("expiration"))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise TwilioUnavailableError("validate token: unreadable answer") from None
    if valid is not True or left_s <= 0 or not is_sid(worker_sid, "WK"):
        return _Known(None, now + REFUSED_KEPT_S)
    names = frozenset(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else frozenset()
    return _Known(FlexUser(str(worker_sid), names), now + min(KEPT_S, left_s))


def _left_s(expiration: object) -> float:
    """Seconds until the token dies; KEPT_S where Twilio does not say."""
    if expiration is None:
        return KEPT_S
    moment = datetime.fromisoformat(str(expiration))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - time.time()
