"""Everything is killed with thousands of invites open, and started again ten minutes later: all are looked at."""

import time

import requests

from service.model import State
from tests.overload.flood import MOST_MB
from tests.overload.generator import Plan, offer
from tests.overload.rig import Rig
from tests.overload.tally import Tally

RATE = 120.0  # at which they are opened beforehand
AWAY_S = 600  # longer than LOOK_EVERY_S: every one of them is overdue
WRITTEN_S = 1.5  # the store writes its file every second
LOOKED_AT_S = 300.0


def restart(rig: Rig, *, count: int) -> Tally:
    """``count`` invites are open."""
    tally = Tally(f"restart: {count} open invites, all processes killed, back {AWAY_S} s later")
    conversations = rig.customers(count)
    shots = [rig.escalation(number / RATE, sid, f"open-{number}") for number, sid in enumerate(conversations)]
    offer(Plan(rig.house.url, 64, 120.0, shots))
    tally.wait(
        "all of them made another … s later", lambda: not rig.open_records(State.REQUESTED), within_s=LOOKED_AT_S
    )
    tally.note("open beforehand", rig.open_records(State.PENDING))
    time.sleep(WRITTEN_S)
    rig.house.kill("web")
    rig.house.kill("reconcile")
    rig.pass_by(AWAY_S)
    time.sleep(WRITTEN_S)
    rig.kill_all()
    tally.note("overdue when it starts", rig.overdue())
    seq = rig.last_entry()
    _start(rig, tally)
    _watch(rig, tally, seq, count)
    tally.note("open afterwards", rig.open_records(State.PENDING))
    tally.promise(rig.open_records(State.PENDING) == count, "an invite was forgotten")
    tally.promise(rig.with_due_time() >= count, "an invite has no due time")
    tally.promise(not rig.house.judge()["double_invited"], "somebody was invited twice")
    for name, size in rig.memory.told().items():
        tally.note(f"peak of a {name} process MB", size)
        tally.promise(size < MOST_MB, f"{name} took {size} MB")
    return tally


def _start(rig: Rig, tally: Tally) -> None:
    began = time.monotonic()
    rig.house.start("reconcile", "web")  # returns once web is ready
    tally.note("time until ready s", time.monotonic() - began)
    assert requests.get(f"{rig.house.url}/readyz", timeout=5).ok


def _watch(rig: Rig, tally: Tally, seq: int, count: int) -> None:
    """Until nothing is overdue; which tasks were asked for, and how fast."""
    began = time.monotonic()
    seen: set[str] = set()
    calls = 0
    busiest = 0.0
    read_at = began
    while True:
        overdue = rig.overdue()
        time.sleep(1)
        since, read_at = read_at, time.monotonic()
        entries = rig.calls("", after=seq)
        seq = max((int(entry["seq"]) for entry in entries), default=seq)
        calls += len(entries)
        busiest = max(busiest, len(entries) / (read_at - since))
        seen |= {entry["path"].rpartition("/")[2] for entry in entries if "/Tasks/WT" in entry["path"]}
        if not overdue:
            break
        if time.monotonic() - began > LOOKED_AT_S:
            tally.promise(False, f"{overdue} invites are still overdue after {LOOKED_AT_S:.0f} s")
            break
    spent = time.monotonic() - began
    tally.note("all looked at after s", spent)
    tally.note("tasks asked for", len(seen))
    tally.note("calls to Twilio a second: mean", calls / spent)
    tally.note("calls to Twilio a second: most, over a second or more", busiest)
    tally.promise(len(seen) >= count, f"{count - len(seen)} invites were not looked at")
