"""Compares three accounts of the same run: what callers were told, what the records say, and what Twilio has seen."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tests.soak.audit_errands import Errands, broken_errands
from tests.soak.calls import Json
from tests.soak.ledger import Ask, Ledger

SETTLED = frozenset({"completed", "closed", "released", "superseded", "failed", "canceled"})
ADOPTED = "adopted"  # a record of a task that others have made
LEFT_OPEN = "leave"  # the topic whose rule leaves the conversation open on purpose
REFUSED = "Twilio answered 4"  # in the reason of a record
# What one fault may cost: a reconciler that dies keeps what it had claimed for its lease (25 s), and calls to a Twilio
# that is away are held back up to 10 s.
ONE_FAULT_S = 30.0
EMPTIED_S = 60.0  # until an emptied store is noticed by the catch-up and what was open is known again
ANSWER_S = 10.0  # Studio gives up then


@dataclass(frozen=True)
class Finding:
    """One promise broken for one conversation."""

    promise: str
    conversation: str
    what: str
    ask: Ask | None = None


@dataclass
class Accounts:
    """Everything that is compared."""

    ledger: Ledger
    invites: list[Json]
    reports: Mapping[str, Json]  # CH → the sandbox's report
    judge: Json
    oldest: Mapping[str, float]  # CH → longest time as an orphan, seconds
    closed_first: Mapping[str, float]  # refused because the service had closed their channel → when it had
    flushed_at: float
    bound_s: float
    disturbed: Callable[[float, float], bool]  # a process was down or paused in that stretch of time
    errands: Errands = field(default_factory=Errands)
    hits: Mapping[str, int] = field(default_factory=dict)  # CH that was an orphan for long → faults that hit it then
    unheard: Mapping[str, float] = field(default_factory=dict)  # CH → longest time unheard, seconds
    records: dict[str, Json] = field(init=False)
    tasks: dict[str, list[Json]] = field(init=False)  # invite id → its tasks
    of_ask: dict[int, set[str]] = field(init=False)  # ask → the invite ids that tasks of it carry

    def __post_init__(self) -> None:
        self.records = {one["id"]: one for one in self.invites}
        self.tasks, self.of_ask = defaultdict(list), defaultdict(set)
        for report in self.reports.values():
            for task in report["tasks"]:
                invite_id = task["attributes"].get("router_invite_id")
                if invite_id:
                    self.tasks[invite_id].append(task)
                    self.of_ask[task["attributes"].get("soak_ask", -1)].add(invite_id)

    def sids_of(self, conversation: str) -> list[str]:
        """Everything by which a log line may name it: itself, its channels, records and tasks."""
        report = self.reports[conversation]
        records = [one["id"] for one in self.invites if one["conversation_sid"] == conversation]
        channels = [one["channel_sid"] for one in report["channels"]]
        return [conversation, *channels, *records, *(one["sid"] for one in report["tasks"])]


def findings(accounts: Accounts) -> list[Finding]:
    """Every broken promise."""
    return [finding for check in CHECKS for finding in check(accounts) if not _excused(accounts, finding)]


def forgotten(accounts: Accounts) -> list[Finding]:
    """Requests lost or made twice because they were under way as the store was emptied: nobody can know of them."""
    return [finding for check in (_lost, _doubled) for finding in check(accounts) if _excused(accounts, finding)]


def _excused(accounts: Accounts, finding: Finding) -> bool:
    return finding.ask is not None and excused(accounts, finding.ask)


def excused(accounts: Accounts, ask: Ask) -> bool:
    """The store was emptied while this request was under way: what it was is known to nobody any more."""
    return bool(accounts.flushed_at) and ask.across(accounts.flushed_at)


def taken_on(ledger: Ledger, flushed_at: float) -> set[str]:
    """The conversations that the service has promised to look after, and was not made to forget."""
    return {ask.conversation for ask in ledger.asks if ask.accepted and not (flushed_at and ask.across(flushed_at))}


def _lost(accounts: Accounts) -> Iterable[Finding]:
    for ask in accounts.ledger.asks:
        if not ask.accepted:
            continue
        for invite_id in sorted(ask.invite_ids):
            record = accounts.records.get(invite_id)
            if record is None:
                yield Finding("none lost", ask.conversation, f"request {ask.number}: no record of {invite_id}", ask)
            elif not accounts.tasks.get(invite_id) and not _rightly_without_task(accounts, ask, record):
                said = f"{record['state']} ({record['reason']})"
                yield Finding(
                    "none lost", ask.conversation, f"request {ask.number}: {invite_id} is {said}, no task", ask
                )


def _rightly_without_task(accounts: Accounts, ask: Ask, record: Json) -> bool:
    """An app has called it off before it was made, or Twilio has refused it because the conversation was over."""
    if record["state"] == "canceled":
        ended = ask.conversation in accounts.ledger.ended_on_request()
        return record["id"] in accounts.ledger.canceled or ended
    closed_at = accounts.closed_first.get(record["id"], 0.0)
    taken_at = datetime.fromisoformat(record["created_at"]).timestamp()  # what is being closed, nothing is taken for
    return REFUSED in (record["reason"] or "") and closed_at <= taken_at


def _doubled(accounts: Accounts) -> Iterable[Finding]:
    for invite_id, tasks in accounts.tasks.items():
        if len(tasks) > 1:
            sids = ", ".join(task["sid"] for task in tasks)
            yield Finding("one task each", tasks[0]["attributes"]["conversationSid"], f"{invite_id} has {sids}")
    for ask in accounts.ledger.asks:
        ids = ask.invite_ids
        if ask.lasting:
            ids = ids | {one for one in accounts.of_ask[ask.number] if _first_step(accounts, one)}
        ids = {one for one in ids if accounts.records.get(one, {}).get("state") != "failed"}
        if len(ids) > 1:
            yield Finding("one task each", ask.conversation, f"request {ask.number} has {', '.join(sorted(ids))}", ask)


def _first_step(accounts: Accounts, invite_id: str) -> bool:
    """Not the fallback of another one, nor an errand's. A record rebuilt from Twilio does not know what it was."""
    record = accounts.records.get(invite_id, {})
    ours = not str(record.get("asked_by")).startswith("errand:")
    return ours and not record.get("predecessor") and not (accounts.flushed_at and record.get("rule") == "ladder")


def _orphaned(accounts: Accounts) -> Iterable[Finding]:
    for conversation in accounts.judge["orphaned"]:
        if accounts.ledger.conversations.get(conversation) != LEFT_OPEN:
            yield Finding("no orphan", conversation, "orphaned at the end")
    asleep = accounts.errands.forgotten_parks()  # one that was being woken sleeps again if nobody comes
    for conversation, seconds in accounts.oldest.items():
        hit = accounts.hits.get(conversation, 0)
        allowed = max(accounts.bound_s, hit * ONE_FAULT_S)
        allowed += EMPTIED_S if _was_forgotten(accounts, conversation) else 0
        if conversation not in asleep and seconds > allowed:
            yield Finding("no orphan", conversation, f"was an orphan for {seconds:.0f} s and hit by {hit} faults")


def _was_forgotten(accounts: Accounts, conversation: str) -> bool:
    """It may have been an orphan while the store was emptied under it."""
    began, ended = accounts.flushed_at - accounts.bound_s - EMPTIED_S, accounts.flushed_at
    asks = (ask for ask in accounts.ledger.asks if ask.conversation == conversation and ask.deliveries)
    return bool(accounts.flushed_at) and any(began < ask.deliveries[0].sent < ended for ask in asks)


def _unheard(accounts: Accounts) -> Iterable[Finding]:
    """Of those whom the service has taken on, and of whom it was not made to forget before anybody could be asked."""
    ours = taken_on(accounts.ledger, accounts.flushed_at)
    ours = {one for one in ours if not _left_by_rule(accounts, one)} - accounts.errands.forgotten_parks()
    for conversation in accounts.judge["unheard"]:
        if conversation in ours:
            yield Finding("no customer unheard", conversation, "has written, and nobody was asked, until the end")
    for conversation, seconds in accounts.unheard.items():
        if conversation in ours and seconds > accounts.bound_s:
            yield Finding("no customer unheard", conversation, f"was not heard for {seconds:.0f} s")


def _left_by_rule(accounts: Accounts, conversation: str) -> bool:
    """Nobody came, and the rule leaves the conversation open: what is written after that is not ours to hear."""
    if accounts.ledger.conversations.get(conversation) != LEFT_OPEN:
        return False
    asked = [one for one in accounts.invites if one["conversation_sid"] == conversation and one["kind"] != ADOPTED]
    last = max(asked, key=lambda one: str(one["created_at"]), default=None)
    return last is not None and last["state"] == "released"


def _errands(accounts: Accounts) -> Iterable[Finding]:
    for conversation, what in broken_errands(accounts.errands):
        yield Finding("every errand settled", conversation, what)


def _hung_up(accounts: Accounts) -> Iterable[Finding]:
    asked_for = {one.conversation for one in accounts.ledger.chores if one.hangs_up}
    for note in accounts.judge["details"]["closed_under_agent"]:
        if note["conversation_sid"] in asked_for:
            continue
        said = f"{note['channel_sid']} was closed under {note['worker_sids']}"
        yield Finding("none closed under an agent", note["conversation_sid"], said)


def _unsettled(accounts: Accounts) -> Iterable[Finding]:
    for record in accounts.invites:
        if record["state"] not in SETTLED or record["due_at"]:
            said = f"{record['id']} is {record['state']}, due {record['due_at']}"
            yield Finding("every record settled", record["conversation_sid"] or "", said)


def _answers(accounts: Accounts) -> Iterable[Finding]:
    for ask in accounts.ledger.asks:
        for one in ask.deliveries:
            if one.status >= 500 and one.status not in (502, 503):
                yield Finding("answers", ask.conversation, f"request {ask.number} was answered {one.status}")
            took = one.answered - one.sent
            if took > ANSWER_S and not accounts.disturbed(one.sent, one.answered):
                yield Finding("answers", ask.conversation, f"request {ask.number} was answered after {took:.1f} s")


CHECKS = (_lost, _doubled, _orphaned, _unheard, _hung_up, _unsettled, _errands, _answers)
PROMISES = (
    "none lost",
    "one task each",
    "no orphan",
    "no customer unheard",
    "none closed under an agent",
    "every record settled",
    "every errand settled",
    "answers",
)
