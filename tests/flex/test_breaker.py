"""Calls are held back from a host that has stopped answering, one probe at a time finds out that it is back."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.errors import RouterError, TwilioAmbiguousError, TwilioUnavailableError
from service.flex.breaker import CLOSED, FAILURES, LONGEST_PAUSE_S, OPEN, PROBING, Breaker, HeldBackError
from service.flex.http import BoundedHttpClient, budget

HOST = "flex-api.twilio.com"
PAUSE_S = 0.2


def breaker() -> Breaker:
    return Breaker(HOST, lasting_s=0.0, first_pause_s=PAUSE_S)


def opened() -> Breaker:
    made = breaker()
    for _ in range(FAILURES):
        made.failed(probe=made.admit())
    return made


def await_probe(held: Breaker) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            return held.admit()
        except TwilioUnavailableError:
            time.sleep(0.01)
    raise AssertionError("the breaker never lets a probe through")


def test_failures_in_a_row_open_it() -> None:
    made = breaker()
    for _ in range(FAILURES - 1):
        made.failed(probe=made.admit())
    assert made.state == CLOSED
    made.failed(probe=made.admit())
    assert made.state == OPEN
    with pytest.raises(TwilioUnavailableError) as caught:
        made.admit()
    assert (caught.value.retry_after_s, caught.value.status) == (1, 503)


def test_one_answer_in_between_keeps_it_closed() -> None:
    made = breaker()
    for number in range(3 * FAILURES):
        made.worked() if number % (FAILURES - 1) == 0 else made.failed(probe=made.admit())
    assert made.state == CLOSED


def test_failures_of_one_moment_do_not_open_it() -> None:
    """One lost connection fails everything that was under way on it."""
    made = Breaker(HOST, lasting_s=60.0)
    for _ in range(10 * FAILURES):
        made.failed(probe=made.admit())
    assert made.state == CLOSED


def test_one_probe_goes_through_after_the_pause() -> None:
    held = opened()
    assert await_probe(held)
    assert held.state == PROBING
    with pytest.raises(TwilioUnavailableError):
        held.admit()


def test_many_threads_get_one_probe() -> None:
    held = opened()
    held.untold(probe=await_probe(held))  # the pause is over, and nobody is under way

    def one(_: int) -> bool:
        try:
            return held.admit()
        except TwilioUnavailableError:
            return False

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(one, range(200))) == 1


def test_probe_that_works_closes_it() -> None:
    held = opened()
    await_probe(held)
    held.worked()
    assert (held.state, held.admit()) == (CLOSED, False)


def test_probe_that_fails_doubles_the_pause() -> None:
    held = opened()
    began = time.monotonic()
    held.failed(probe=await_probe(held))
    again = time.monotonic()
    assert held.state == OPEN
    await_probe(held)
    assert again - began >= PAUSE_S - 0.05
    assert time.monotonic() - again >= 2 * PAUSE_S - 0.05


def test_probe_that_tells_nothing_is_followed_by_another() -> None:
    held = opened()
    held.untold(probe=await_probe(held))
    assert held.admit() is True


def test_late_failure_of_an_old_call_changes_nothing() -> None:
    held = opened()
    await_probe(held)
    held.failed(probe=False)
    assert held.state == PROBING


class Twilio:
    """Answers with ``status``, or hangs up without a word where that is 0; counts who came."""

    def __init__(self) -> None:
        self.status, self.calls = 503, 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                self.calls += 1
                if self.status:
                    head = f"HTTP/1.1 {self.status} X\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
                    connection.sendall(head.encode())

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    running = Twilio()
    yield running
    running.close()


@pytest.fixture
def client(twilio: Twilio) -> BoundedHttpClient:
    made = BoundedHttpClient(base_url=twilio.url)
    made.breakers[HOST] = breaker()
    return made


def call(client: BoundedHttpClient, host: str = HOST) -> int:
    return int(client.request("GET", f"https://{host}/v1/x").status_code)


def fail(client: BoundedHttpClient, times: int) -> None:
    for _ in range(times):
        with pytest.raises(RouterError):
            call(client)


@pytest.mark.parametrize("status", [500, 503, 0], ids=["500", "503", "hung up"])
def test_host_that_fails_is_left_alone(twilio: Twilio, client: BoundedHttpClient, status: int) -> None:
    twilio.status = status
    fail(client, FAILURES)
    with pytest.raises(TwilioUnavailableError, match="held back"):
        call(client)
    assert twilio.calls == FAILURES
    assert client.breakers[HOST].state == OPEN


@pytest.mark.parametrize("status", [200, 400, 404, 429])
def test_host_that_answers_is_not_held_back(twilio: Twilio, client: BoundedHttpClient, status: int) -> None:
    twilio.status = status
    for _ in range(FAILURES + 2):
        if status == 429:
            fail(client, 1)
        else:
            assert call(client) == status
    assert (twilio.calls, client.breakers[HOST].state) == (FAILURES + 2, CLOSED)


def test_host_that_is_back_is_found(twilio: Twilio, client: BoundedHttpClient) -> None:
    fail(client, FAILURES)
    twilio.status = 200
    deadline = time.monotonic() + 20
    while True:
        try:
            assert call(client) == 200
            break
        except TwilioUnavailableError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert client.breakers[HOST].state == CLOSED


def test_other_hosts_are_not_held_back(twilio: Twilio, client: BoundedHttpClient) -> None:
    fail(client, FAILURES)
    twilio.status = 200
    assert call(client, "taskrouter.twilio.com") == 200


def test_unfair_budget_tells_nothing_of_the_host() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        client = BoundedHttpClient(base_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        client.breakers[HOST] = breaker()
        for _ in range(FAILURES + 1):
            with budget(0.03), pytest.raises(TwilioAmbiguousError):
                call(client)
    assert client.breakers[HOST].state == CLOSED


def test_pause_does_not_grow_for_ever() -> None:
    """When Twilio is back, whoever waits for a rescue is not to wait for us as long again."""
    held = Breaker(HOST)
    for _ in range(10):
        held.failed(probe=True)
    with pytest.raises(HeldBackError) as refused:
        held.admit()
    assert refused.value.retry_after_s == LONGEST_PAUSE_S
