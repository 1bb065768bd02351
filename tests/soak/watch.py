"""Looks on while the soak runs: how long each orphan has been one and each customer unheard, and a copy of the
sandbox's log on disk. What Twilio has sent is handed to the prober.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import requests

from tests.soak.audit import LEFT_OPEN, taken_on
from tests.soak.calls import Json, Sandbox
from tests.soak.ledger import Ledger
from tests.soak.storm import Storm

LOOK_S = 2.0
LOOKS_SHARE = 0.05  # of the time at most is spent on the judge, who stops the sandbox for as long as he looks
UNTOLD = ("json", "url", "query", "event_sid")  # of a log entry: nobody asks for it later
SENT_TO_PROBER = 5  # events a look
INVITE_ID = re.compile(r"iv_[0-9]{2}_[0-9a-z]{32,33}")


@dataclass
class Watch:
    """A thread of its own. ``oldest`` remembers each conversation's longest time as an orphan, in seconds, and
    ``last_alone`` when it was last seen to be one for longer than before, in epoch seconds."""

    sandbox: Sandbox
    ledger: Ledger
    storm: Storm
    spool: Path
    wanted: int
    to_prober: Callable[[Json], None]
    oldest: dict[str, float] = field(default_factory=dict)
    last_alone: dict[str, float] = field(default_factory=dict)
    unheard: dict[str, float] = field(default_factory=dict)  # the same of customers who wrote and were not heard
    pause_s: float = LOOK_S
    _since: dict[str, float] = field(default_factory=dict)
    _unheard_since: dict[str, float] = field(default_factory=dict)
    _seen: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _began: float = field(default_factory=time.monotonic)
    _thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start looking."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look a last time and stop."""
        self._over.set()
        if self._thread:
            self._thread.join()
        self._copy_log()

    def alone(self) -> list[str]:
        """The conversations that are orphaned or unheard now and should not be. Not those which a rule may have left
        open: nothing will come of waiting for them."""
        judge = self.sandbox.control("GET", "judge")
        ours = taken_on(self.ledger, self.storm.flushed_at)
        return self._not_left_open([*judge["orphaned"], *(sid for sid in judge["unheard"] if sid in ours)])

    def _not_left_open(self, sids: list[str]) -> list[str]:
        return [sid for sid in sids if self.ledger.conversations.get(sid) != LEFT_OPEN]

    def closed_first(self) -> dict[str, float]:
        """Invites that Twilio refused after the service had asked that their conversation or channel be closed.

        The value is when it last asked for that, in epoch seconds.
        """
        closed: dict[str, float] = {}
        refused: dict[str, float] = {}
        with self.spool.open(encoding="utf-8") as lines:
            for entry in map(json.loads, lines):
                if _closes(entry):
                    closed[str(entry["path"]).rpartition("/")[2]] = self._ours(entry["at"])
                elif _refuses(entry):
                    place = entry["path"] + entry["form"].get("Channel", "")
                    times = [at for sid, at in closed.items() if sid in place]
                    refused |= {one: max(times) for one in INVITE_ID.findall(entry["form"]["Routing"]) if times}
        return refused

    def about(self, sids: Iterable[str]) -> list[tuple[float, Json]]:
        """The log's lines that name one of ``sids``, each with its time in epoch seconds of ours."""
        wanted = [sid for sid in sids if sid]
        with self.spool.open(encoding="utf-8") as lines:
            found = [json.loads(line) for line in lines if any(sid in line for sid in wanted)]
        return [(self._ours(one["at"]), one) for one in found]

    def timeline(self, sids: Iterable[str]) -> list[str]:
        """The same lines, shortened."""
        return [f"{datetime.fromtimestamp(at, UTC):%H:%M:%S.%f} {_short(one)}" for at, one in self.about(sids)]

    def _ours(self, at: str) -> float:
        """A time of the sandbox's clock as epoch seconds of ours."""
        moment = datetime.fromisoformat(at).timestamp()
        return moment - self.sandbox.ahead(moment)

    def _run(self) -> None:
        while not self._over.wait(self.pause_s):
            try:
                self._judge()
                self._copy_log()
            except requests.RequestException as error:
                self.storm.broken.append(f"watch: {error!r}")
            self._say()

    def _judge(self) -> None:
        began = time.monotonic()
        now = began - self.storm.away_s()  # while Twilio is away nobody can be rescued
        judge = self.sandbox.control("GET", "judge")
        self.pause_s = max(LOOK_S, (time.monotonic() - began) / LOOKS_SHARE)
        before = dict(self.oldest)
        self._since = _noted(self._since, self._not_left_open(judge["orphaned"]), now, self.oldest)
        self.last_alone |= {sid: time.time() for sid in self._since if self.oldest[sid] > before.get(sid, -1.0)}
        self._unheard_since = _noted(self._unheard_since, judge["unheard"], now, self.unheard)

    def _copy_log(self) -> None:
        entries = self.sandbox.control("GET", f"log?after={self._seen}")["entries"]
        if not entries:
            return
        self._seen = max(entry["seq"] for entry in entries)
        for form in [one["form"] for one in entries if _is_event(one)][-SENT_TO_PROBER:]:
            self.to_prober(form)
        with self.spool.open("a", encoding="utf-8") as file:
            for entry in entries:
                told = {name: value for name, value in entry.items() if value and name not in UNTOLD}
                file.write(json.dumps(told) + "\n")

    def _say(self) -> None:
        spent = time.monotonic() - self._began
        now = time.monotonic() - self.storm.away_s()
        longest = max((now - since for since in self._since.values()), default=0.0)
        print(
            f"\r[{spent:5.0f} s] {self.ledger.done}/{self.wanted} conversations, {len(self.ledger.asks)} requests, "
            f"{len(self.ledger.chores)} errands, {len(self.storm.notes)} faults, "
            f"{len(self._since)} orphans (oldest {longest:.0f} s)  ",
            end="", flush=True,
        )  # fmt: skip


def _noted(before: dict[str, float], found: Iterable[str], now: float, longest: dict[str, float]) -> dict[str, float]:
    """Since when each of those that are found has been there without a break; ``longest`` is brought up to date."""
    since = {sid: before.get(sid, now) for sid in found}
    for sid, began in since.items():
        longest[sid] = max(longest.get(sid, 0.0), now - began)
    return since


def _is_event(entry: Json) -> bool:
    delivered = entry["kind"] == "callback" and entry["outcome"] == "delivered"
    return delivered and str(entry["path"]).endswith("/taskrouter")


def _closes(entry: Json) -> bool:
    if entry["kind"] != "api" or entry["method"] != "POST" or "/Participants/" in entry["path"]:
        return False
    form = entry.get("form", {})
    return "closed" in (form.get("Status"), form.get("State"))


def _refuses(entry: Json) -> bool:
    return entry["kind"] == "api" and entry.get("status") == 400 and "Routing" in entry.get("form", {})


def _short(entry: Json) -> str:
    status = entry.get("status")
    faults = f" faults={entry['faults']}" if entry.get("faults") else ""
    if entry["kind"] == "callback":
        about = entry.get("task_sid")
        return f"event {entry.get('event_type')} {about} {entry['outcome']} status={status}"
    form = entry.get("form")
    sent = f" {json.dumps(form)[:160]}" if entry["method"] == "POST" and form else ""
    return f"{entry['method']} {entry['path']} {status}{faults}{sent}"
