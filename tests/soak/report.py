"""The table at the end, and for each broken promise the conversation's story as Twilio and our records tell it."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.soak.acks import read_acks, summed_up
from tests.soak.audit import PROMISES, Accounts, Finding, excused, forgotten
from tests.soak.processes import PROBER, STOP_S
from tests.soak.story import story

if TYPE_CHECKING:
    from tests.soak.run import Stage

MOST_REFUSALS = 12
STORIES = 3  # how many broken conversations are told in full, for each promise
FORGOTTEN = 20  # lines about requests that the emptied store took with it
WRONG_IN_LOGS = ("Traceback", "work.broken", '.broken"')
LEAPS = {True: "seen", False: "not seen", None: "unsure, it printed nothing"}

Figures = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """The verdict, its text, and its figures for machines."""

    broken: list[Finding]
    text: str
    figures: Figures


def verdict(stage: Stage, accounts: Accounts, found: list[Finding], *, took_s: float, quiet_s: float) -> Result:
    """The table, and the stories of what is broken."""
    broken = [*found, *_from_logs(stage)]
    figures = _figures(stage, accounts, broken, took_s=took_s, quiet_s=quiet_s)
    lines = ["", "", *_table(figures)]
    lines += [f"{'  forgotten with the store':<44}{finding.what}" for finding in forgotten(accounts)[:FORGOTTEN]]
    lines += [f"BROKEN {one.promise}: {one.conversation or 'the run'} {one.what}" for one in broken]
    for conversation in _to_tell(broken):
        its = [one for one in broken if one.conversation == conversation]
        lines += story(
            accounts,
            stage.watch,
            stage.processes.logs(),
            conversation,
            [f"BROKEN {one.promise}: {one.what}" for one in its],
        )
    if broken:
        lines.append(f"replay: SOAK={stage.order.conversations} SEED={stage.order.seed} python -m tests.soak")
        lines.append(f"logs of every process: {stage.directory}")
    return Result(broken, "\n".join(lines), figures)


def _to_tell(broken: Sequence[Finding]) -> list[str]:
    """The first few conversations of each promise that broke, once each."""
    of_promise: dict[str, list[str]] = {}
    for one in broken:
        if one.conversation and one.conversation not in of_promise.setdefault(one.promise, []):
            of_promise[one.promise].append(one.conversation)
    return list(dict.fromkeys(sid for sids in of_promise.values() for sid in sids[:STORIES]))


def _figures(stage: Stage, accounts: Accounts, broken: Sequence[Finding], *, took_s: float, quiet_s: float) -> Figures:
    order, ledger, storm = stage.order, stage.town.ledger, stage.storm
    acks = summed_up(read_acks(stage.processes.log(PROBER)), storm.notes)
    return {
        "run": {
            "conversations": order.conversations,
            "unfinished": stage.unfinished,
            "seed": order.seed,
            "at_once": order.at_once,
            "minutes": round(took_s / 60, 1),
            "played_minutes": round(stage.played_s / 60, 1),
            "pace": round(ledger.done / max(1.0, stage.played_s), 2),
            "held_back_s": round(stage.pace.closed_s),
            "quiet_s": round(quiet_s),
            "python": platform.python_version(),
            "load": [round(one, 1) for one in os.getloadavg()],
        },
        "promises": {name: sum(one.promise == name for one in broken) for name in (*PROMISES, "logs", "storm")},
        "counted": _counted(accounts),
        "orphans_s": _spread(list(accounts.oldest.values())) | {"allowed": accounts.bound_s},
        "unheard_s": _spread(list(accounts.unheard.values())) | {"allowed": accounts.bound_s},
        "requests": _requests(accounts),
        "acks_ms": {one.about: asdict(one) for one in acks},
        "faults": {name: {"times": times, "seconds": round(spent)} for name, (times, spent) in storm.counts().items()},
        "leaps of clocks in the logs": {LEAPS[seen]: count for seen, count in storm.leaps.items()},
        f"killed {STOP_S:.0f} s after SIGTERM": Counter(storm.stubborn),
        "memory_mb": {one.kind: asdict(one) for one in stage.gauge.memory()},
    }


def _counted(accounts: Accounts) -> Figures:
    asks, chores = accounts.ledger.asks, accounts.ledger.chores
    lost = {one.ask.number for one in forgotten(accounts) if one.ask}
    return {
        "requests": len(asks),
        "accepted": sum(ask.accepted for ask in asks),
        "records": len(accounts.invites),
        "records by kind": Counter(record["kind"] for record in accounts.invites),
        "records by state": Counter(record["state"] for record in accounts.invites),
        "tasks that carry our id": sum(len(tasks) for tasks in accounts.tasks.values()),
        "errands": len(chores),
        "errands by kind": Counter(chore.kind for chore in chores),
        "errands by state": Counter(
            record["state"] if record else "none" for record in accounts.errands.records.values()
        ),
        "errands by outcome": Counter(
            str(record["outcome"]) for record in accounts.errands.records.values() if record and record["outcome"]
        ),
        "under way as the store was emptied": sum(excused(accounts, ask) for ask in asks),
        "of these lost or doubled": len(lost),
        "parks that the store forgot": len(accounts.errands.forgotten_parks()),
        f"orphans over {accounts.bound_s:.0f} s, and the faults that hit them": _long_ones(accounts),
    }


def _long_ones(accounts: Accounts) -> str:
    ages = [(accounts.oldest[sid], hit) for sid, hit in accounts.hits.items()]
    return ", ".join(f"{age_s:.0f} s: {hit}" for age_s, hit in sorted(ages)) or "none"


def _requests(accounts: Accounts) -> Figures:
    ledger = accounts.ledger
    doors = {
        "escalations": [one for ask in ledger.asks if ask.kind != "transfer" for one in ask.deliveries],
        "transfers": [one for ask in ledger.asks if ask.kind == "transfer" for one in ask.deliveries],
        "errands": [one for chore in ledger.chores for one in chore.deliveries],
        "wakes": ledger.wakes,
    }
    told: Figures = {
        name: {
            "answers": {str(status or "none came"): count for status, count in _by_status(one.status for one in sent)},
            "seconds": _spread([one.answered - one.sent for one in sent if one.status]),
        }
        for name, sent in doors.items()
    }
    refusals = {f"  {why}": count for why, count in ledger.refusals.most_common(MOST_REFUSALS)}
    return told | refusals


def _by_status(statuses: Iterable[int]) -> list[tuple[int, int]]:
    return Counter(statuses).most_common()


def _spread(values: list[float]) -> dict[str, float]:
    """Median, 99th percentile and the most, of those there are."""
    if not values:
        return {"count": 0, "median": 0.0, "p99": 0.0, "most": 0.0}
    values.sort()
    at = {"median": len(values) // 2, "p99": int(len(values) * 0.99), "most": -1}
    return {"count": len(values)} | {name: round(values[place], 2) for name, place in at.items()}


def _table(figures: Figures) -> list[str]:
    run = figures["run"]
    title = f"soak of {run['conversations']} conversations, seed {run['seed']}: {run['minutes']} minutes"
    lines = [title, "=" * len(title)]
    for group in ("promises", "run", "counted", "orphans_s", "unheard_s", "requests", "acks_ms", "memory_mb"):
        lines += ["", group.upper(), *(_row(name, value, group) for name, value in figures[group].items())]
    lines += ["", "FAULTS", *(_row(name, f"{one['times']} times, {one['seconds']} s", "") for name, one in
                              figures["faults"].items())]  # fmt: skip
    rest = ("leaps of clocks in the logs", f"killed {STOP_S:.0f} s after SIGTERM")
    return [*lines, *(_row(name, figures[name] or "none", "") for name in rest), ""]


def _row(name: str, value: object, group: str) -> str:
    if group == "promises":
        value = f"BROKEN {value} times" if value else "kept"
    return f"  {name:<42}{_said(value)}" if len(name) < 42 else f"  {name}  {_said(value)}"


def _said(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(one)}" for name, one in value.items() if name not in ("kind", "about"))
    if isinstance(value, list):
        return " ".join(_said(one) for one in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _from_logs(stage: Stage) -> list[Finding]:
    """Whatever a process printed that no run may print, and a storm that could not go on."""
    wrong = [Finding("logs", "", f"{file.stem}: {line}") for file in stage.processes.logs() for line in _wrong(file)]
    wrong += [Finding("storm", "", what) for what in stage.storm.broken]
    leaps = stage.storm.leaps
    if leaps[False] and not leaps[True]:
        wrong.append(Finding("storm", "", "no clock has leapt: sitecustomize was not read"))
    return wrong


def _wrong(file: Path) -> list[str]:
    with file.open(errors="replace") as lines:
        return [line[:1500].rstrip() for line in lines if any(word in line for word in WRONG_IN_LOGS)]
