"""Offers requests at the moments that were planned, however long the answers take: an open-loop generator.

A process of its own, so that what it costs is not taken from the thread that looks on:

    python -m tests.overload.generator <plan.json >answers.json

An answer's time counts from the moment at which its request was to be offered, so that waiting for one of the bounded
connections counts as well. Nothing is repeated here, and nothing that stays away is left out: it has status 0.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.soak.clocks import ROOT

LEAD_S = 0.3  # before the first shot, so that every one of them can be in time


@dataclass(frozen=True)
class Shot:
    """One POST, offered ``at_s`` seconds after the beginning."""

    at_s: float
    path: str
    body: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Plan:
    """Who is asked, and how. ``connections`` at most; each is kept open, or used once. ``patience_s`` for an answer."""

    url: str
    connections: int
    patience_s: float
    shots: Sequence[Shot]
    kept_open: bool = True


@dataclass(frozen=True)
class Answer:
    """``status`` 0: none came, and ``fault`` says why. ``seconds`` from the planned moment to the last byte."""

    status: int
    seconds: float
    retry_after: str = ""
    body: str = ""
    fault: str = ""


def offer(plan: Plan) -> list[Answer]:
    """Run the plan in a process of its own; the answers in the order of its shots."""
    last_s = max((shot.at_s for shot in plan.shots), default=0.0)
    longest_s = last_s + plan.patience_s * (1 + len(plan.shots) / plan.connections) + 30
    done = subprocess.run(
        [sys.executable, "-m", "tests.overload.generator"], input=json.dumps(asdict(plan)), capture_output=True,
        text=True, cwd=ROOT, timeout=longest_s, check=True,
    )  # fmt: skip
    return [Answer(**one) for one in json.loads(done.stdout)]


async def _offered(plan: Plan) -> list[Answer]:
    waiting: asyncio.Queue[int] = asyncio.Queue()
    answers: dict[int, Answer] = {}
    began = time.monotonic() + LEAD_S

    async def hand() -> None:
        line = _Line(plan)
        while True:
            number = await waiting.get()
            shot = plan.shots[number]
            status, retry_after, body, fault = await line.ask(shot)
            answers[number] = Answer(status, time.monotonic() - began - shot.at_s, retry_after, body, fault)
            waiting.task_done()

    hands = [asyncio.create_task(hand()) for _ in range(min(plan.connections, len(plan.shots)))]
    for number, shot in sorted(enumerate(plan.shots), key=lambda one: one[1].at_s):
        await asyncio.sleep(max(0.0, began + shot.at_s - time.monotonic()))
        waiting.put_nowait(number)
    await waiting.join()
    for one in hands:
        one.cancel()
    return [answers[number] for number in range(len(plan.shots))]


class _Line:
    """One connection, opened when it is needed."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, shot: Shot) -> tuple[int, str, str, str]:
        try:
            found = await asyncio.wait_for(self._ask(shot), self._plan.patience_s)
        except (OSError, ValueError, EOFError, TimeoutError) as error:
            self._hang_up()
            return 0, "", "", type(error).__name__
        if not self._plan.kept_open:
            self._hang_up()
        return (*found, "")

    async def _ask(self, shot: Shot) -> tuple[int, str, str]:
        place = urlsplit(self._plan.url)
        if self._open is None:
            self._open = await asyncio.open_connection(place.hostname, place.port)
        reader, writer = self._open
        body = shot.body.encode()
        headers = {"Host": place.netloc, "Content-Length": str(len(body)), **shot.headers}
        lines = [f"POST {shot.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
        told = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        text = await reader.readexactly(int(told.get("content-length", "0")))
        if told.get("connection", "").lower() == "close":
            self._hang_up()
        return int(head[0].split()[1]), told.get("retry-after", ""), text.decode()

    def _hang_up(self) -> None:
        if self._open:
            self._open[1].close()
        self._open = None


def main() -> None:
    """Read the plan, offer, write the answers."""
    given: dict[str, Any] = json.load(sys.stdin)
    plan = Plan(**{**given, "shots": [Shot(**shot) for shot in given["shots"]]})
    json.dump([asdict(answer) for answer in asyncio.run(_offered(plan))], sys.stdout)


if __name__ == "__main__":
    main()
