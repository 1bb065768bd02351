"""Flex tokens against a real HTTP server: asked once, remembered for a moment, and honest about what is not known."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from service.errors import TwilioUnavailableError
from service.flex.tokens import FlexTokens, FlexUser
from tests.conftest import sid

WK = sid("WK", 1)
TOKEN = "aaaa..bbbb.cccc.dddd"
GOOD: dict[str, object] = {
    "valid": True,
    "code": 0,
    "message": None,
    "expiration": "2099-01-01T00:00:00.000Z",
    "identity": "somebody_40example_2Ecom",
    "realm_user_id": "somebody@example.com",
    "worker_sid": WK,
    "roles": ["agent", "wfo.full_access"],
}


class Iam(ThreadingHTTPServer):
    """Answers as it is told and notes what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Callable[[str], tuple[int, object]] = lambda token: (200, GOOD)
        self.gate = threading.Event()
        self.gate.set()
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Iam

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append({"path": self.path, "login": self.headers["Authorization"], "body": body})
        self.server.gate.wait(20)
        status, answer = self.server.answer(body["token"])
        data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def iam() -> Iterator[Iam]:
    server = Iam()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.gate.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def tokens(iam: Iam) -> FlexTokens:
    return FlexTokens((sid("AC", 1), "auth"), base_url=address(iam))


def address(iam: Iam) -> str:
    return f"http://127.0.0.1:{iam.server_port}"


def test_good_token_names_worker_and_roles(iam: Iam, tokens: FlexTokens) -> None:
    assert tokens.user(TOKEN) == FlexUser(WK, frozenset({"agent", "wfo.full_access"}))
    assert iam.asked == [
        {
            "path": f"/v1/Accounts/{sid('AC', 1)}/Tokens/validate",
            "login": "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTphdXRo",
            "body": {"token": TOKEN},
        }
    ]


def test_token_is_asked_for_once(iam: Iam, tokens: FlexTokens) -> None:
    for _ in range(3):
        assert tokens.user(TOKEN) is not None
    assert len(iam.asked) == 1


def test_other_token_is_another_user(iam: Iam, tokens: FlexTokens) -> None:
    iam.answer = lambda token: (200, GOOD | {"worker_sid": sid("WK", len(token))})
    assert [user and user.worker_sid for user in map(tokens.user, ("a.b.c", "a.b.cc"))] == [sid("WK", 5), sid("WK", 6)]


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"valid": False, "code": 20101, "message": "Invalid token"}),
        (200, GOOD | {"valid": "true"}),
        (200, GOOD | {"worker_sid": None}),
        (200, GOOD | {"worker_sid": "alice"}),
        (200, GOOD | {"expiration": "2020-01-01T00:00:00Z"}),
        (400, {"code": 20001}),
        (404, {"code": 20404}),
    ],
    ids=["invalid", "text", "no worker", "no sid", "expired", "400", "404"],
)
def test_bad_token_is_nobodys_and_remembered(iam: Iam, tokens: FlexTokens, answer: tuple[int, object]) -> None:
    iam.answer = lambda token: answer
    assert tokens.user(TOKEN) is None
    assert tokens.user(TOKEN) is None
    assert len(iam.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [(500, {}), (503, "busy"), (429, {}), (401, {}), (403, {}), (200, "<html>"), (200, []), (200, {}),
     (200, GOOD | {"expiration": "soon"})],
    ids=["500", "503", "429", "401", "403", "html", "array", "empty", "no time"],
)  # fmt: skip
def test_unknown_is_said_and_not_remembered(iam: Iam, tokens: FlexTokens, answer: tuple[int, object]) -> None:
    iam.answer = lambda token: answer
    with pytest.raises(TwilioUnavailableError):
        tokens.user(TOKEN)
    iam.answer = lambda token: (200, GOOD)
    assert tokens.user(TOKEN) is not None


def test_twilio_away_is_said(iam: Iam) -> None:
    away = FlexTokens((sid("AC", 1), "auth"), base_url="http://127.0.0.1:9")
    with pytest.raises(TwilioUnavailableError):
        away.user(TOKEN)


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "a b.c.d", "a.b.c\n", "é.b.c", "a" * 6000 + ".b.c", "a.b.c." + "." * 20], ids=range(8)
)
def test_what_is_no_token_is_not_asked_for(iam: Iam, tokens: FlexTokens, text: str) -> None:
    assert tokens.user(text) is None
    assert iam.asked == []


def test_token_is_forgotten_when_it_dies(iam: Iam, tokens: FlexTokens) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    iam.answer = lambda token: (200, GOOD | {"expiration": soon})
    assert tokens.user(TOKEN) is not None
    pause = threading.Event()
    while tokens.user(TOKEN) is not None:  # the test's own time limit ends it
        pause.wait(0.05)
    assert len(iam.asked) == 2


def test_one_check_at_a_time_per_token(iam: Iam, tokens: FlexTokens) -> None:
    iam.gate.clear()
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(tokens.user(TOKEN))) for _ in range(4)]
    for thread in threads:
        thread.start()
    while not iam.asked:
        threading.Event().wait(0.01)
    iam.gate.set()
    for thread in threads:
        thread.join(15)
    assert (len(found), len(iam.asked)) == (4, 1)


def test_too_many_checks_are_sent_away(iam: Iam) -> None:
    tokens = FlexTokens((sid("AC", 1), "auth"), base_url=address(iam), checks=1)
    iam.gate.clear()
    first = threading.Thread(target=tokens.user, args=(TOKEN,))
    first.start()
    while not iam.asked:
        threading.Event().wait(0.01)
    with pytest.raises(TwilioUnavailableError) as caught:
        tokens.user("x.y.z")
    assert caught.value.retry_after_s == 1
    iam.gate.set()
    first.join(15)
    assert tokens.user("x.y.z") is not None


def test_no_more_tokens_are_kept_than_allowed(iam: Iam) -> None:
    tokens = FlexTokens((sid("AC", 1), "auth"), base_url=address(iam), kept=2)
    for token in ("a.b.1", "a.b.2", "a.b.3", "a.b.3", "a.b.1"):
        tokens.user(token)
    assert [one["body"]["token"] for one in iam.asked] == ["a.b.1", "a.b.2", "a.b.3", "a.b.1"]
