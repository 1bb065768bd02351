"""One conversation told line by line: by Twilio's side, by our records and log lines, and by the callers' answers."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.soak.audit import Accounts
from tests.soak.watch import Watch

LINES = 120


def story(
    accounts: Accounts, watch: Watch, logs: Sequence[Path], conversation: str, headlines: Sequence[str]
) -> list[str]:
    """The headlines, and everything that is known of the conversation."""
    lines = ["-" * 100, conversation or "(no conversation)", *(f"  {one}" for one in headlines[:10])]
    if conversation not in accounts.reports:
        return lines
    report = accounts.reports[conversation]
    records = [one for one in accounts.invites if one["conversation_sid"] == conversation]
    lines += [f"  topic {accounts.ledger.conversations[conversation] or 'none'}, conversation {report['state']}"]
    lines += [f"  channel {one['channel_sid']} {one['status']}" for one in report["channels"]]
    lines += [f"  task {one['sid']} {one['assignment_status']} ({one['reason']})" for one in report["tasks"]]
    for one in sorted(records, key=lambda record: str(record["created_at"])):
        about = f"{one['kind']} {one['state']} ({one['reason']}) task {one['task_sid']} by {one['asked_by']}"
        lines.append(f"  record {one['id']} {about}")
    lines += _told(accounts, conversation)
    sids = accounts.sids_of(conversation)
    told = sorted([*watch.timeline(sids)[:LINES], *_logged(logs, sids)[:LINES]])
    return lines + [f"  {line}" for line in told]


def _logged(logs: Iterable[Path], sids: Sequence[str]) -> list[str]:
    lines = []
    for file in logs:
        with file.open(errors="replace") as opened:
            lines += [_short(file.stem, line) for line in opened if any(sid in line for sid in sids)]
    return [line for line in lines if line]


def _short(name: str, line: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError:
        return ""
    about = {word: entry[word] for word in entry if word not in ("timestamp", "event", "logger", "level", "request")}
    return f"{str(entry.get('timestamp'))[11:23]} {name} {entry.get('event')} {about}"


def _told(accounts: Accounts, conversation: str) -> list[str]:
    lines = []
    for ask in (one for one in accounts.ledger.asks if one.conversation == conversation):
        told = ", ".join(f"{one.status} {one.invite_id} {one.state}" for one in ask.deliveries)
        lines.append(f"  request {ask.number} {ask.kind}: {told}")
    for chore in (one for one in accounts.ledger.chores if one.conversation == conversation):
        told = ", ".join(f"{one.status} {one.invite_id} {one.state}" for one in chore.deliveries)
        lines.append(f"  errand {chore.number} {chore.kind}: {told}")
        for errand_id in sorted(chore.ids):
            record = accounts.errands.records.get(errand_id) or {}
            about = f"{record.get('state')} {record.get('outcome')} ({record.get('reason')})"
            lines.append(f"    {errand_id} {about} successor {record.get('successor')}")
    return lines
