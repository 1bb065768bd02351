"""After the storm: agents go home, days pass for what waits, everything settles, and the accounts are gathered."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import redis
import requests

from service.tracking.records import PARTITIONS, key
from tests.soak.audit import ONE_FAULT_S, Accounts
from tests.soak.audit_errands import Errands
from tests.soak.calls import Json, Refused
from tests.soak.errands import resting, wake_all
from tests.soak.hits import hits, moments_at_twilio, moments_in_logs
from tests.soak.ledger import Chore
from tests.soak.people import shift_ends

if TYPE_CHECKING:
    from tests.soak.run import Stage

BOUND_S = 6 * ONE_FAULT_S  # in the storm several hit the same conversation; six of them do not have to be shown
SETTLED_S = ONE_FAULT_S + 15 + 15 + 10 + 60  # after it: the last fault's cost, two looks, the grace, a timer of 60 s
A_DAY_S, AN_HOUR_S = 90_000.0, 3600.0
LOOK_S, HELD_UP_S = 3.0, 5.0
READERS = 4


def quiet_down(stage: Stage) -> float:
    """Everything comes to its end. How long that took, in seconds."""
    began = time.monotonic()
    parks = wake_all(stage.town, resting(stage.town))
    _await(lambda: not shift_ends(stage.town) and not stage.town.service.invites("&state=requested"), SETTLED_S)
    stage.sandbox.control("POST", "callbacks", {"late_s": HELD_UP_S})  # by Twilio's clock they come a day late
    stage.sandbox.advance(A_DAY_S)
    stage.sandbox.control("DELETE", "callbacks")
    _await(lambda: _all_settled(stage, parks), SETTLED_S)
    return time.monotonic() - began


def _all_settled(stage: Stage, parks: list[Chore]) -> bool:
    """Whoever is asked meanwhile, as parked conversations are woken, does not come either."""
    parks[:] = wake_all(stage.town, parks)
    if not _due(stage) and not stage.watch.alone():
        return True
    shift_ends(stage.town)
    stage.sandbox.advance(AN_HOUR_S)
    return False


def _due(stage: Stage) -> int:
    """How many records are live: each has exactly one due time."""
    with redis.Redis.from_url(stage.processes.store.url) as client:
        pipe = client.pipeline(transaction=False)
        for partition in range(PARTITIONS):
            pipe.zcard(key(partition, "due"))
        return sum(pipe.execute())


def _await(check: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and not _tried(check):
        time.sleep(LOOK_S)


def _tried(check: Callable[[], bool]) -> bool:
    """A reader that meets a restart asks again."""
    try:
        return check()
    except (requests.RequestException, redis.RedisError, Refused):
        return False


def gathered(stage: Stage) -> Accounts:
    """All accounts of the run. Of each conversation only what is compared is kept."""
    town, storm, watch = stage.town, stage.storm, stage.watch
    with ThreadPoolExecutor(READERS) as readers:
        sids = list(town.ledger.conversations)
        reports = dict(zip(sids, readers.map(lambda sid: _slim(stage.sandbox.conversation(sid)), sids), strict=True))
        errand_ids = sorted({one for chore in town.ledger.chores for one in chore.ids})
        records = readers.map(lambda one: town.service.get(f"errands/{one}"), errand_ids)
        errands = Errands(
            town.ledger.chores, dict(zip(errand_ids, records, strict=True)), time.time(), storm.flushed_at
        )
    accounts = Accounts(
        ledger=town.ledger,
        invites=town.service.invites(),
        reports=reports,
        judge=stage.sandbox.control("GET", "judge"),
        oldest=watch.oldest,
        closed_first=watch.closed_first(),
        flushed_at=storm.flushed_at,
        bound_s=BOUND_S,
        disturbed=lambda began, ended: bool(storm.of_processes(began, ended)),
        errands=errands,
        unheard=watch.unheard,
    )
    accounts.hits = {sid: _hits(stage, accounts, sid) for sid, age_s in watch.oldest.items() if age_s > BOUND_S}
    return accounts


def _hits(stage: Stage, accounts: Accounts, conversation: str) -> int:
    """The faults that hit it in its longest time as an orphan."""
    ended, sids = stage.watch.last_alone[conversation], accounts.sids_of(conversation)
    began = ended - stage.watch.oldest[conversation]
    told = moments_in_logs(stage.processes.logs(), sids, began, ended)
    return hits([*moments_at_twilio(stage.watch.about(sids)), *told], began, ended)


def _slim(report: Json) -> Json:
    tasks = [
        {name: task[name] for name in ("sid", "assignment_status", "reason")}
        | {"attributes": {name: task["attributes"].get(name) for name in CARRIED if name in task["attributes"]}}
        for task in report["tasks"]
    ]
    return {"state": report["state"], "channels": report["channels"], "tasks": tasks}


CARRIED = ("router_invite_id", "soak_ask", "conversationSid")
