"""Looks on while the soak runs: how long each orphan has been one, and a copy of the sandbox's log on disk."""

import json
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tests.soak.calls import Json, Sandbox
from tests.soak.ledger import Ledger
from tests.soak.storm import Storm

LOOK_S = 2.0
INVITE_ID = re.compile(r"iv_[0-9]{2}_[0-9a-z]{32,33}")
LEFT_OPEN = "leave"  # the topic whose rule leaves the conversation open on purpose


@dataclass
class Watch:
    """A thread of its own. ``oldest`` remembers each conversation's longest time as an orphan, in seconds."""

    sandbox: Sandbox
    ledger: Ledger
    storm: Storm
    spool: Path
    wanted: int
    oldest: dict[str, float] = field(default_factory=dict)
    _since: dict[str, float] = field(default_factory=dict)
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

    def orphans(self) -> list[str]:
        """The conversations that are orphaned now, but for those that a rule leaves open."""
        found = self.sandbox.control("GET", "judge")["orphaned"]
        return [sid for sid in found if self.ledger.conversations.get(sid) != LEFT_OPEN]

    def closed_first(self) -> dict[str, float]:
        """Invites that Twilio refused after the service had asked that their conversation or channel be closed.

        The value is when it last asked for that, in epoch seconds.
        """
        closed: dict[str, float] = {}
        refused: dict[str, float] = {}
        with self.spool.open(encoding="utf-8") as lines:
            for entry in map(json.loads, lines):
                if _closes(entry):
                    closed[str(entry["path"]).rpartition("/")[2]] = datetime.fromisoformat(entry["at"]).timestamp()
                elif _refuses(entry):
                    place = entry["path"] + entry["form"].get("Channel", "")
                    times = [at for sid, at in closed.items() if sid in place]
                    refused |= {one: max(times) for one in INVITE_ID.findall(entry["form"]["Routing"]) if times}
        return refused

    def timeline(self, sids: Iterable[str]) -> list[str]:
        """The log's lines that name one of ``sids``, shortened."""
        wanted = [sid for sid in sids if sid]
        with self.spool.open(encoding="utf-8") as lines:
            return [_short(json.loads(line)) for line in lines if any(sid in line for sid in wanted)]

    def _run(self) -> None:
        while not self._over.wait(LOOK_S):
            self._note_orphans()
            self._copy_log()
            self._say()

    def _note_orphans(self) -> None:
        now = time.monotonic()
        found = self.orphans()
        self._since = {sid: self._since.get(sid, now) for sid in found}
        for sid, since in self._since.items():
            self.oldest[sid] = max(self.oldest.get(sid, 0.0), now - since)

    def _copy_log(self) -> None:
        entries = self.sandbox.control("GET", f"log?after={self._seen}")["entries"]
        if entries:
            self._seen = max(entry["seq"] for entry in entries)
            with self.spool.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(entry) + "\n" for entry in entries)

    def _say(self) -> None:
        spent = time.monotonic() - self._began
        longest = max((time.monotonic() - since for since in self._since.values()), default=0.0)
        print(
            f"\r[{spent:5.0f} s] {self.ledger.done}/{self.wanted} conversations, {len(self.ledger.asks)} requests, "
            f"{len(self.storm.notes)} faults, {len(self._since)} orphans (oldest {longest:.0f} s)  ",
            end="", flush=True,
        )  # fmt: skip


def _closes(entry: Json) -> bool:
    if entry["kind"] != "api" or entry["method"] != "POST" or "/Participants/" in entry["path"]:
        return False
    return "closed" in (entry["form"].get("Status"), entry["form"].get("State"))


def _refuses(entry: Json) -> bool:
    return entry["kind"] == "api" and entry["status"] == 400 and "Routing" in entry["form"]


def _short(entry: dict[str, object]) -> str:
    at = str(entry["at"])[11:23]
    faults = f" faults={entry['faults']}" if entry.get("faults") else ""
    if entry["kind"] == "callback":
        return f"{at} event {entry['event_type']} {entry['task_sid']} {entry['outcome']} status={entry['status']}"
    form = entry.get("form")
    sent = f" {json.dumps(form)[:160]}" if entry["method"] == "POST" and form else ""
    return f"{at} {entry['method']} {entry['path']} {entry['status']}{faults}{sent}"
