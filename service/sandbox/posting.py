"""One HTTP callback the way Twilio makes it: signed, bounded in time, repeated by the rules in the URL's fragment.

Sources: "Webhooks security"; "Webhooks: Connection Overrides" (defaults: connect 5 s, read 15 s, all together 15 s,
one retry, only where no connection came about). That a reset counts as a read
failure, and the pause between tries, are ours.
"""

import base64
import hashlib
import hmac
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

import urllib3

from service.sandbox.state import Outgoing

PAUSE_S = 0.05  # grows with each try
MOST_RETRIES = 5
FORM = "application/x-www-form-urlencoded; charset=utf-8"
EVERYTHING = frozenset({"4xx", "5xx", "ct", "rt"})


@dataclass(frozen=True)
class Rules:
    """How often and when to try again. Times are seconds."""

    retries: int = 1
    policies: frozenset[str] = frozenset({"ct"})
    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 15.0


def rules_of(url: str) -> Rules:
    """What the fragment asks for, within Twilio's limits; what cannot be read is as if it were not there."""
    asked = dict(parse_qsl(urlsplit(url).fragment))
    policies = frozenset(asked["rp"].split(",")) if "rp" in asked else Rules.policies
    return Rules(
        retries=min(MOST_RETRIES, _whole(asked.get("rc"), 1)),
        policies=EVERYTHING if "all" in policies else policies,
        connect_s=min(10.0, max(0.1, _whole(asked.get("ct"), 5000) / 1000)),
        read_s=min(15.0, max(0.1, _whole(asked.get("rt"), 15000) / 1000)),
        total_s=min(15.0, max(0.1, _whole(asked.get("tt"), 15000) / 1000)),
    )


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else default


def sign(token: str, url: str, form: Iterable[tuple[str, str]]) -> str:
    """X-Twilio-Signature of a form: HMAC-SHA1 over the URL and the sorted names and values."""
    text = url + "".join(name + value for name, value in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


@dataclass(frozen=True)
class Letter:
    """What is posted, and where: the URL as it is signed."""

    method: str
    url: str
    body: bytes
    kind: str


def _letter(outgoing: Outgoing) -> Letter:
    """JSON is signed by its hash in the URL, a form by its parameters, which a GET has in the URL too; a fragment is
    never part of it.
    """
    url = outgoing.url.split("#", 1)[0]
    joint = "&" if "?" in url else "?"
    if outgoing.json:
        body = outgoing.json.encode()
        hashed = f"{url}{joint}bodySHA256={hashlib.sha256(body).hexdigest()}"
        return Letter("POST", hashed, body, "application/json")
    form = urlencode(outgoing.form)
    if outgoing.method == "GET":
        return Letter("GET", f"{url}{joint}{form}", b"", FORM)
    return Letter("POST", url, form.encode(), FORM)


class Poster:
    """Makes the calls of one account. Thread-safe."""

    def __init__(self, account_sid: str, token: str) -> None:
        self._account_sid = account_sid
        self._token = token
        self._pool = urllib3.PoolManager(num_pools=16, maxsize=16, retries=False)

    def post(self, outgoing: Outgoing, rules: Rules) -> list[dict[str, object]]:
        """All tries, oldest first: {status or error, ms}. The last one tells the outcome."""
        letter = _letter(outgoing)
        headers = {
            "Content-Type": letter.kind,
            "X-Twilio-Signature": sign(self._token, letter.url, outgoing.form if letter.method == "POST" else ()),
            "User-Agent": "TwilioProxy/1.1",
        }
        deadline = time.monotonic() + rules.total_s
        tries: list[dict[str, object]] = []
        while True:
            one, failure = self._try(letter, headers, _limits(rules, deadline))
            tries.append(one)
            if failure not in rules.policies or len(tries) > rules.retries:
                return tries
            pause = PAUSE_S * len(tries)
            if time.monotonic() + pause >= deadline:
                return tries
            time.sleep(pause)
            headers.setdefault("I-Twilio-Idempotency-Token", str(uuid.uuid4()))

    def _try(self, letter: Letter, headers: dict[str, str], limits: urllib3.Timeout) -> tuple[dict[str, object], str]:
        began = time.monotonic()
        try:
            answer = self._pool.request(
                letter.method, letter.url, body=letter.body, headers=headers, timeout=limits, redirect=False
            )
            seen: dict[str, object] = {"status": answer.status}
            failure = f"{answer.status // 100}xx" if answer.status >= 400 else ""
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
            seen, failure = {"error": type(error).__name__}, "ct"
        except (urllib3.exceptions.HTTPError, OSError) as error:
            seen, failure = {"error": type(error).__name__}, "rt"
        return {**seen, "ms": round((time.monotonic() - began) * 1000)}, failure


def _limits(rules: Rules, deadline: float) -> urllib3.Timeout:
    left = max(0.01, deadline - time.monotonic())
    return urllib3.Timeout(connect=min(rules.connect_s, left), read=min(rules.read_s, left))
