"""Twilio is away while thousands ask; then it is back, and wants to be asked gently: none lost, none double."""

import json
from collections import Counter
from datetime import datetime

from service.model import State
from tests.overload.flood import accounts
from tests.overload.generator import Plan, offer
from tests.overload.rig import Json, Rig
from tests.overload.tally import Tally

RATE = 100.0  # escalations a second while it is away
CREATE = "POST /v1/Interactions"
RETRY_AFTER_S = 3
REFUSED_SHARE = 0.1  # of the creates once it is back, with 429
DRAIN_S = 240.0


def outage(rig: Rig, *, count: int) -> Tally:
    """``count`` requests stand as 202 when Twilio comes back."""
    tally = Tally(f"outage: {count} escalations while Twilio is away, {RATE:.0f}/s")
    conversations = rig.customers(count)
    rig.fault("* /v1/*", status=503, when="before")
    shots = [rig.escalation(number / RATE, sid, f"away-{number}") for number, sid in enumerate(conversations)]
    answers = offer(Plan(rig.house.url, 64, 30.0, shots))
    tally.answers(answers)
    tally.promise(all(one.status == 202 for one in answers), "somebody was not told 202")
    tally.note("standing as requested", rig.open_records(State.REQUESTED))
    seq = rig.last_entry()
    rig.mend()
    rig.fault(CREATE, status=429, when="before", probability=REFUSED_SHARE, headers={"Retry-After": str(RETRY_AFTER_S)})
    tally.wait("half of them made after s", lambda: rig.open_records(State.REQUESTED) < count / 2, within_s=DRAIN_S)
    tally.wait("all of them another … s later", lambda: not rig.open_records(State.REQUESTED), within_s=DRAIN_S)
    tally.note("still standing as requested", rig.open_records(State.REQUESTED))
    rig.mend()
    _rates(tally, rig.calls(CREATE, after=seq))
    accounts(rig, tally, conversations)
    return tally


def _rates(tally: Tally, creates: list[Json]) -> None:
    """How hard Twilio was asked, and whether its wish to be left in peace was kept: of each invite."""
    moments = [_moment(entry) for entry in creates]
    tally.note("creates a second: mean", len(moments) / max(0.001, max(moments) - min(moments)))
    tally.note("creates a second: most", max(Counter(int(moment) for moment in moments).values()))
    refused: dict[str, float] = {}
    early = 0
    for entry in creates:
        invite, moment = _invite(entry), _moment(entry)
        early += invite in refused and moment - refused.pop(invite) < RETRY_AFTER_S - 0.5
        if entry["status"] == 429:
            refused[invite] = moment
    tally.note("429 met", sum(entry["status"] == 429 for entry in creates))
    tally.note("asked again before Retry-After", early)
    tally.promise(early == 0, f"{early} creates came before the time that Twilio had asked for")


def _moment(entry: Json) -> float:
    return datetime.fromisoformat(str(entry["at"])).timestamp()


def _invite(entry: Json) -> str:
    routing = json.loads(entry["form"]["Routing"])
    attributes = routing["properties"]["attributes"]
    found = json.loads(attributes) if isinstance(attributes, str) else attributes
    return str(found["router_invite_id"])
