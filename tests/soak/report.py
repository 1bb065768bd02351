"""The table at the end, and for each broken promise the conversation's story as Twilio and our records tell it."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.soak.audit import PROMISES, Accounts, Finding, excused, forgotten

if TYPE_CHECKING:
    from tests.soak.run import Stage

STORIES = 5  # how many broken conversations are told in full
FORGOTTEN = 20  # lines about requests that the emptied store took with it
LINES = 120  # of one story
WRONG_IN_LOGS = ("Traceback", "work.broken")


@dataclass(frozen=True)
class Result:
    """The verdict and its text."""

    broken: list[Finding]
    text: str


def verdict(stage: Stage, accounts: Accounts, found: list[Finding], *, took_s: float, quiet_s: float) -> Result:
    """The table, and the stories of what is broken."""
    broken = [*found, *_from_logs(stage)]
    lines = ["", "", f"soak of {stage.order.conversations} conversations, seed {stage.order.seed}, "
             f"{took_s:.0f} s on Python {platform.python_version()}", ""]  # fmt: skip
    lines += [f"{name:<44}{value}" for name, value in _figures(stage, accounts, quiet_s)]
    lines += [f"{'  forgotten with the store':<44}{finding.what}" for finding in forgotten(accounts)[:FORGOTTEN]]
    lines += ["", *(f"{promise:<44}{_kept(promise, broken)}" for promise in (*PROMISES, "logs", "storm")), ""]
    for conversation in list(dict.fromkeys(finding.conversation for finding in broken))[:STORIES]:
        lines += _story(stage, accounts, conversation, [one for one in broken if one.conversation == conversation])
    if broken:
        lines.append(f"replay: SOAK={stage.order.conversations} SEED={stage.order.seed} python -m tests.soak")
        lines.append(f"logs of every process: {stage.directory}")
    return Result(broken, "\n".join(lines))


def _figures(stage: Stage, accounts: Accounts, quiet_s: float) -> list[tuple[str, object]]:
    asks = accounts.ledger.asks
    deliveries = [one for ask in asks for one in ask.deliveries]
    taken = sorted(one.answered - one.sent for one in deliveries if one.status)
    states = Counter(record["state"] for record in accounts.invites)
    kinds = Counter(record["kind"] for record in accounts.invites)
    return [
        ("requests, deliveries, accepted", f"{len(asks)}, {len(deliveries)}, {sum(ask.accepted for ask in asks)}"),
        ("answers", _listed(Counter(one.status for one in deliveries))),
        ("answer time median, p99, most (s)", _times(taken)),
        ("records by kind", _listed(kinds)),
        ("records by state", _listed(states)),
        ("tasks that carry our id", sum(len(tasks) for tasks in accounts.tasks.values())),
        (
            "under way as the store was emptied",
            f"{sum(excused(accounts, ask) for ask in asks)}, of which lost or doubled "
            f"{len({one.ask.number for one in forgotten(accounts) if one.ask})}",
        ),
        ("longest orphan, and allowed (s)", f"{max(accounts.oldest.values(), default=0):.0f}, {accounts.bound_s:.0f}"),
        ("settled after the storm and a day (s)", f"{quiet_s:.0f}"),
        ("faults", f"{len(stage.storm.notes)}: {_listed(stage.storm.counts())}"),
    ]


def _times(taken: Sequence[float]) -> str:
    if not taken:
        return "none"
    return f"{taken[len(taken) // 2]:.2f}, {taken[int(len(taken) * 0.99)]:.2f}, {taken[-1]:.2f}"


def _listed(counts: Counter[str] | Counter[int]) -> str:
    return ", ".join(f"{count} × {name}" for name, count in counts.most_common())


def _kept(promise: str, broken: Sequence[Finding]) -> str:
    count = sum(finding.promise == promise for finding in broken)
    return f"BROKEN {count} times" if count else "kept"


def _from_logs(stage: Stage) -> list[Finding]:
    """Whatever a process printed that no run may print, and a storm that could not go on."""
    wrong = [
        Finding("logs", "", f"{name}: {line[:300]}")
        for name, lines in stage.processes.printed().items()
        for line in lines
        if any(word in line for word in WRONG_IN_LOGS)
    ]
    return wrong + [Finding("storm", "", what) for what in stage.storm.broken]


def _story(stage: Stage, accounts: Accounts, conversation: str, broken: Sequence[Finding]) -> list[str]:
    lines = ["-" * 100, conversation or "(no conversation)"]
    lines += [f"  BROKEN {finding.promise}: {finding.what}" for finding in broken[:10]]
    if conversation not in accounts.reports:
        return lines
    report = accounts.reports[conversation]
    records = [one for one in accounts.invites if one["conversation_sid"] == conversation]
    lines += [f"  topic {accounts.ledger.conversations[conversation] or 'none'}, conversation {report['state']}"]
    lines += [f"  channel {one['channel_sid']} {one['status']}" for one in report["channels"]]
    lines += [f"  task {one['sid']} {one['assignment_status']} ({one['reason']})" for one in report["tasks"]]
    for one in sorted(records, key=lambda record: str(record["created_at"])):
        lines.append(f"  record {one['id']} {one['kind']} {one['state']} ({one['reason']}) task {one['task_sid']}")
    for ask in (one for one in accounts.ledger.asks if one.conversation == conversation):
        told = ", ".join(f"{one.status} {one.invite_id} {one.state}" for one in ask.deliveries)
        lines.append(f"  request {ask.number} {ask.kind}: {told}")
    sids = [conversation, *(one["channel_sid"] for one in report["channels"])]
    sids += [one["id"] for one in records] + [one["sid"] for one in report["tasks"]]
    return lines + [f"  {line}" for line in stage.watch.timeline(sids)[:LINES]]
