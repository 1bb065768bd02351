"""The errands that apps ask for in a conversation: leave, remove, end, park, wake. What came of them is the audit's."""

from collections.abc import Sequence

import requests

from tests.soak.calls import Json, Refused
from tests.soak.ledger import Chore
from tests.soak.scripts import Step
from tests.soak.town import Town

NOBODYS = {"soak_ask": -1}  # what an old task carries must not make the new one look like the first request's
ERRANDS = ("park", "go", "remove", "all go", "end", "wake")


def carry_out(town: Town, conversation: str, step: Step, workers: Sequence[str]) -> None:
    """Ask for what the step says. ``workers``: the SIDs of those who attend."""
    if step.deed == "wake":
        wake(town, conversation)
    elif step.deed == "end":
        chore = town.ledger.chore(conversation, "end", hangs_up=not step.wrapup)
        _ask(town, chore, {"wrapup": step.wrapup})
    elif step.deed == "all go":
        chores = [(town.ledger.chore(conversation, "leave"), _leaving(step, worker)) for worker in workers]
        for going in [town.callers.submit(_ask, town, *one) for one in chores]:
            going.result()
    elif workers:
        _of_one(town, conversation, step, workers[0])


def wake(town: Town, conversation: str) -> None:
    """An app says that a parked conversation is to be attended again."""
    town.insist(town.ledger.wakes, lambda turn: town.service.post(f"conversations/{conversation}/wake", {}, turn=turn))


def wake_all(town: Town, chores: Sequence[Chore]) -> list[Chore]:
    """Nobody is to rest for ever: what is parked without a timer is woken, and by the customer what we do not know (any
    more): an emptied store has forgotten the timers, too.

    Returns those that are neither parked nor over yet: they are to be looked at again.
    """
    again = []
    for chore in chores:
        records = [_record(town, one) for one in chore.ids]
        if not chore.timed and any(record and record["state"] == "parked" for record in records):
            wake(town, chore.conversation)
        elif None in records and _is_marked(town, chore.conversation):
            _write(town, chore.conversation)
        if any(record and record["state"] in ("taken", "parked") for record in records):
            again.append(chore)
    return again


def resting(town: Town) -> list[Chore]:
    """The parks."""
    return [chore for chore in town.ledger.chores if chore.kind == "park"]


def _record(town: Town, errand_id: str) -> Json | None:
    for _ in range(3):
        try:
            return town.service.get(f"errands/{errand_id}")
        except requests.RequestException:
            town.stopped.wait(1)
    return None


def _is_marked(town: Town, conversation: str) -> bool:
    """It is still parked, by what the service has left at Twilio."""
    return "router_parked" in town.sandbox.conversation(conversation)["attributes"]


def _write(town: Town, conversation: str) -> None:
    try:
        town.sandbox.control("POST", f"conversations/{conversation}/messages", {"body": "Still there?"})
    except Refused:
        return  # it is over


def _of_one(town: Town, conversation: str, step: Step, worker: str) -> None:
    ledger = town.ledger
    if step.deed == "park":
        chore = ledger.chore(conversation, "park", timed=step.wake_after_s is not None)
        body: Json = {"from": {"worker_sid": worker}, "same_agent_s": step.same_agent_s, "attributes": NOBODYS}
        _ask(town, chore, body | ({"wake_after_s": step.wake_after_s} if step.wake_after_s else {}))
    elif step.deed == "go":
        _ask(town, ledger.chore(conversation, "leave"), _leaving(step, worker))
    else:
        body = _leaving(step, worker)
        body["participant"] = body.pop("from")
        _ask(town, ledger.chore(conversation, "remove"), body)


def _leaving(step: Step, worker: str) -> Json:
    body: Json = {"from": {"worker_sid": worker}, "last": step.last}
    if step.last == "transfer":
        body |= {"release": step.release, "attributes": NOBODYS}
        if step.to:
            body["to"] = {step.to: {"queue": "support", "workflow": "everyone"}[step.to]}
    return body


def _ask(town: Town, chore: Chore, body: Json) -> None:
    path, key = f"conversations/{chore.conversation}/{chore.kind}", f"soak-{town.seed}-errand-{chore.number}"
    town.insist(chore.deliveries, lambda turn: town.service.post(path, body, key=key, turn=chore.number + turn))
