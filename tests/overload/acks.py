"""Events are acknowledged without Twilio, whatever state it is in, and while requests wait for it."""

import hashlib
import random
import threading
import time
from urllib.parse import urlencode

from tests.flow.world import sign
from tests.overload.generator import Answer, Plan, Shot, offer
from tests.overload.rig import Rig
from tests.overload.tally import Tally

PATH = "/v1/events/taskrouter"
FOR_S = 10
RATES = (50, 200)
BESIDE = 10.0  # escalations a second that wait for Twilio meanwhile
KNOWN = 40  # invites that the events are about
CONNECTIONS = 64
HELD_BACK_S = 90.0
IN_A_ROW = 10  # escalations made at once: each may have come to another worker
TROUBLE: dict[str, dict[str, object] | None] = {
    "well": None,
    "away (503)": {"status": 503, "when": "before"},
    "hanging (30 s)": {"delay_s": 30, "when": "before"},
}


def acks(rig: Rig, *, for_s: int = FOR_S) -> list[Tally]:
    """One tally for each state of Twilio and each rate."""
    known = rig.customers(KNOWN)
    shots = [rig.escalation(number / 20, sid, f"known-{number}") for number, sid in enumerate(known)]
    offer(Plan(rig.house.url, 8, 60.0, shots))
    tasks = [rig.house.conversation(sid)["tasks"][0]["sid"] for sid in known]
    return [_acks(rig, tasks, state, rate, for_s) for state in TROUBLE for rate in RATES]


def _acks(rig: Rig, tasks: list[str], state: str, rate: int, for_s: int) -> Tally:
    tally = Tally(f"acks: {rate} events a second for {for_s} s, Twilio {state}")
    conversations = rig.customers(int(for_s * BESIDE))
    how = TROUBLE[state]
    if how:
        rig.fault("* /v1/*", **how)
    beside: list[Answer] = []
    thread = threading.Thread(target=lambda: beside.extend(_ask(rig, conversations, f"{state.split()[0]}-{rate}")))
    thread.start()
    answers = offer(Plan(rig.house.url, CONNECTIONS, 30.0, _events(rig, tasks, rate, for_s)))
    thread.join()
    rig.mend()
    _await_calls(rig)
    tally.answers(answers, "acks")
    tally.answers(beside, "escalations beside")
    tally.promise(all(one.status == 204 for one in answers), "an event was not acknowledged")
    tally.promise(all(one.status in (200, 201, 202) for one in beside), "an escalation was not taken")
    return tally


def _await_calls(rig: Rig) -> None:
    """Until calls are held back by no worker any more, so that the next state begins like the first."""
    deadline = time.monotonic() + HELD_BACK_S
    statuses: list[int] = []
    while statuses[-IN_A_ROW:] != [201] * IN_A_ROW:
        if time.monotonic() > deadline:
            raise TimeoutError("calls are held back although Twilio is well")
        statuses.append(rig.house.escalate(rig.house.customer()).status_code)
        time.sleep(0.2)


def _ask(rig: Rig, conversations: list[str], name: str) -> list[Answer]:
    shots = [rig.escalation(number / BESIDE, sid, f"{name}-{number}") for number, sid in enumerate(conversations)]
    return offer(Plan(rig.house.url, CONNECTIONS, 30.0, shots))


def _events(rig: Rig, tasks: list[str], rate: int, for_s: int) -> list[Shot]:
    """Each is new, and about a task that is followed."""
    dealt = random.Random(rate)
    return [_event(rig, number / rate, dealt.choice(tasks)) for number in range(rate * for_s)]


def _event(rig: Rig, at_s: float, task_sid: str) -> Shot:
    sid = "EV" + hashlib.md5(random.randbytes(16), usedforsecurity=False).hexdigest()
    fields = {
        "AccountSid": rig.house.info["account_sid"],
        "EventType": "task-queue.entered",
        "ResourceSid": task_sid,
        "ResourceType": "task",
        "Sid": sid,
        "TaskAttributes": "{}",
        "TaskSid": task_sid,
        "Timestamp": "1790000000",
        "TimestampMs": "1790000000000",
        "WorkspaceSid": rig.house.info["workspace_sid"],
    }
    signed = rig.house.url + PATH + "".join(name + value for name, value in sorted(fields.items()))
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": sign(signed, rig.house.info["auth_token"]),
    }
    return Shot(at_s, PATH, urlencode(fields), headers)
