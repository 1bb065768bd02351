"""The HTTP client that the Twilio SDK is given: pooled, bounded in time, and honest about what is not known.

The SDK's own client keeps its last response in an attribute (two threads can swap answers), waits for ever, and
drops Retry-After. This one answers from the stack, ends every call at a deadline, holds calls back from a host that
has stopped answering, and says by its exceptions whether a call surely had no effect (TwilioUnavailableError) or may
have had one (TwilioAmbiguousError). A read whose answer was lost, or a 5xx, is made once more: a look at a channel is
five reads, and one lost answer would cost all of it. What may change something is never repeated here.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from twilio.http import HttpClient
from twilio.http.response import Response

from service.errors import TwilioAmbiguousError, TwilioUnavailableError
from service.flex.breaker import Breaker, HeldBackError
from service.flex.calls import watched
from service.flex.deadline import budget, seconds_left
from service.flex.wire import CONNECT_S, pool_manager

__all__ = ["BoundedHttpClient", "budget"]

DEFAULT_CALL_S = 10.0
FAIR_S = 1.0  # a call that was given less says nothing of the host if it comes to nothing
READ_AGAIN_S = 0.2  # after so long a read is made once more; a host that is down is not to be asked at once
MOST_BYTES = 32 * 1024 * 1024  # a page of 1,000 events is a few megabytes

Answered = tuple[int, str, dict[str, str]]  # status, body, headers


class _NotTriedError(TwilioUnavailableError):
    """The call was not begun, for a reason of our own."""


class BoundedHttpClient(HttpClient):
    """An SDK HttpClient on urllib3. ``base_url`` replaces scheme and host of every call (the sandbox)."""

    def __init__(self, *, base_url: str | None = None, connections: int = 16) -> None:
        """``connections``: how many calls may be under way at once per host; further ones wait their turn."""
        super().__init__(logger=logging.getLogger("twilio.http_client"), is_async=False, timeout=None)
        self._base = base_url
        self._pool = pool_manager(connections)
        self._slots = threading.BoundedSemaphore(connections)
        self.breakers: dict[str, Breaker] = {}
        self.held_in_a_row = 0  # calls that were held back since the last answer of whichever host

    def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: object = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """One call. Raises TwilioUnavailableError (surely not done) or TwilioAmbiguousError (perhaps done)."""
        sent = dict(headers or {})
        if auth:
            sent.update(urllib3.make_headers(basic_auth=f"{auth[0]}:{auth[1]}"))
        if isinstance(data, Mapping):
            body: str | None = urlencode(data, doseq=True)
        else:
            body = data if isinstance(data, str) else None
        url = self._url(uri, params)

        def ask() -> Answered:
            with watched(method, urlsplit(url).path) as call:
                answered = self._guarded(uri, lambda: self._send(method.upper(), url, body, sent))
                call.answered(answered[0], answered[2])
            _raise_for(answered[0], answered[2])
            return answered

        with budget(timeout or DEFAULT_CALL_S) if seconds_left() == math.inf else nullcontext():
            return Response(*(_read_again(ask) if method.upper() == "GET" else ask()))

    def _url(self, uri: str, params: Mapping[str, object] | None) -> str:
        if self._base:
            parts = urlsplit(uri)
            uri = f"{self._base}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        if params:
            uri += ("&" if "?" in uri else "?") + urlencode(params, doseq=True)
        return uri

    def _guarded(self, uri: str, send: Callable[[], Answered]) -> Answered:
        """Let the host's breaker decide on the call, and hear what came of it."""
        host = urlsplit(uri).hostname or ""
        breaker = self.breakers.setdefault(host, Breaker(host))
        try:
            probe = breaker.admit()
        except HeldBackError:
            self.held_in_a_row += 1
            raise
        fair = seconds_left() >= FAIR_S
        try:
            answered = send()
        except (TwilioUnavailableError, TwilioAmbiguousError) as error:
            if fair and not isinstance(error, _NotTriedError):
                breaker.failed(probe=probe)
            else:
                breaker.untold(probe=probe)
            raise
        except BaseException:
            breaker.untold(probe=probe)
            raise
        if answered[0] >= 500:
            breaker.failed(probe=probe)
        else:
            breaker.worked()
            self.held_in_a_row = 0
        return answered

    def _send(self, method: str, url: str, body: str | None, headers: dict[str, str]) -> Answered:
        if not self._slots.acquire(timeout=max(0.0, seconds_left())):
            raise _NotTriedError("too many calls are under way")
        try:
            return self._send_now(method, url, body, headers)
        finally:
            self._slots.release()

    def _send_now(self, method: str, url: str, body: str | None, headers: dict[str, str]) -> Answered:
        left = seconds_left()
        if left <= 0:
            raise _NotTriedError("no time was left for the call")
        limits = urllib3.Timeout(connect=min(CONNECT_S, left), read=left)
        answer: Any = None
        try:
            answer = self._pool.urlopen(
                method, url, body=body, headers=headers, timeout=limits,
                redirect=False, preload_content=False,
            )  # fmt: skip
            text = _read(answer)
            answer.release_conn()
            return answer.status, text, dict(answer.headers)
        except (
            urllib3.exceptions.NewConnectionError,
            urllib3.exceptions.ConnectTimeoutError,
        ) as error:
            # the request was never sent
            raise TwilioUnavailableError(f"no connection to Twilio ({type(error).__name__})") from None
        except (urllib3.exceptions.HTTPError, TimeoutError, OSError) as error:
            if answer is not None:
                answer.close()
            raise TwilioAmbiguousError(f"the answer was lost ({type(error).__name__})") from None


def _read_again(ask: Callable[[], Answered]) -> Answered:
    """The answer to a read; once more where it was lost, and what it is for leaves time for that."""
    try:
        return ask()
    except TwilioAmbiguousError as error:
        if error.retry_after_s or seconds_left() < READ_AGAIN_S + FAIR_S:
            raise
        lost = error
    time.sleep(READ_AGAIN_S)
    try:
        return ask()
    except HeldBackError:  # by what has just failed
        raise lost from None


def _read(answer: Any) -> str:
    """The whole body, or TimeoutError: also a body that never ends, however quickly it comes, is a call that failed."""
    chunks = []
    size = 0
    while chunk := answer.read1(65_536, decode_content=True):  # what has come, without waiting for a full chunk
        chunks.append(chunk)
        size += len(chunk)
        if seconds_left() < 0 or size > MOST_BYTES:
            raise TimeoutError
    return b"".join(chunks).decode("utf-8", errors="replace")


def _raise_for(status: int, headers: Mapping[str, str]) -> None:
    if status == 429:  # "the request was not processed": error 20429
        raise TwilioUnavailableError("Twilio asks for fewer calls (429)", retry_after_s=_retry_after(headers))
    if status >= 500 or status in (408, 425):  # also from whatever stands between us and Twilio
        raise TwilioAmbiguousError(f"Twilio failed ({status})", retry_after_s=_retry_after(headers))


def _retry_after(headers: Mapping[str, str]) -> int | None:
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return min(int(text), 300) if text.isascii() and text.isdigit() else None
