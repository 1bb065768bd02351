"""Plays one script: the customer, the callers and the agents around one conversation. Judges nothing."""

import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.soak.calls import Json, Refused, Sandbox, Service
from tests.soak.ledger import Ask, Delivery, Ledger
from tests.soak.scripts import Script, Step

WORKERS = ("carol", "alice", "bob", "dave")
CALLERS_PATIENCE_S = 60.0  # an app that is told 503 or nothing asks again this long
AGENTS_PATIENCE_S = 9.0  # an agent waits this long for something to ring
LOOK_S = 0.3
APART_S = 1.1  # who comes back comes back later: tasks tell their times in whole seconds
OPEN, HELD = ("pending", "reserved"), ("assigned", "wrapping")


@dataclass(frozen=True)
class Town:
    """Where people act."""

    sandbox: Sandbox
    service: Service
    ledger: Ledger
    info: Json
    callers: ThreadPoolExecutor
    seed: int
    stopped: threading.Event


@dataclass
class Play:
    """One conversation while it is being played."""

    town: Town
    script: Script
    conversation: str = ""
    draw: random.Random = field(init=False)
    asks: list[Ask] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = random.Random(f"{self.town.seed}/{self.script.number}/play")

    def run(self) -> None:
        """From the customer's first message to the last step."""
        try:
            self._enter()
            for step in self.script.steps:
                if self.town.stopped.wait(step.wait_s):
                    return
                self._do(step)
        finally:
            self.town.ledger.finished()

    def _enter(self) -> None:
        wanted = {"channel_type": "web", "address": f"customer-{self.script.number}@example.com"}
        if self.script.entrance == "returning":
            wanted["interaction"] = True  # type: ignore[assignment]
        made = self.town.sandbox.control("POST", "conversations", wanted)
        self.conversation = made["conversation_sid"]
        self.town.ledger.customer(self.conversation, self.script.topic)
        if self.script.entrance == "returning":
            time.sleep(APART_S)
        if self.script.entrance == "flex":
            self._sent_to_flex()
        else:
            self._request("escalation", {"channel_type": "web"}, self.script.deliveries)

    def _sent_to_flex(self) -> None:
        info = self.town.info
        channel = {
            "type": "web",
            "initiated_by": "customer",
            "properties": {"media_channel_sid": self.conversation},
        }
        properties = {
            "workspace_sid": info["workspace_sid"],
            "workflow_sid": info["workflows"]["everyone"],
            "task_channel_unique_name": "chat",
            "timeout": 5,
            "attributes": {},
        }
        form = {"Channel": json.dumps(channel), "Routing": json.dumps({"properties": properties})}
        for _ in range(5):
            status = self.town.sandbox.twilio("Interactions", form, (info["account_sid"], info["auth_token"]))
            if 200 <= status < 300:
                return
            time.sleep(1)

    def _do(self, step: Step) -> None:
        try:
            if step.deed in ("accept", "decline", "ignore"):
                self._answer(step.deed)
            elif step.deed in ("complete", "leave", "drop"):
                self._end(step.deed)
            elif step.deed == "write":
                self.town.sandbox.control("POST", f"conversations/{self.conversation}/messages", {"body": "Hello?"})
            elif step.deed == "escalate":
                self._request("escalation", {"channel_type": "web"}, 1)
            elif step.deed == "transfer":
                self._transfer(step)
            elif step.deed == "cancel":
                self._cancel()
        except Refused:
            return  # too late: somebody or something was faster, which is what a race is for

    # -- callers

    def _request(self, kind: str, body: Json, times: int) -> None:
        ledger, script = self.town.ledger, self.script
        ask = ledger.ask(self.conversation, kind, script.topic, lasting=script.key != "thread")
        self.asks.append(ask)
        wanted = {"conversation_sid": self.conversation, **body}
        wanted["attributes"] = {"topic": script.topic, "soak_ask": ask.number}
        key = f"soak-{self.town.seed}-{ask.number}" if script.key == "key" else None
        if script.key == "execution":
            wanted["execution_sid"] = f"FN{ask.number:032x}"
        others = [self.town.callers.submit(self._deliver, ask, wanted, key) for _ in range(times - 1)]
        self._deliver(ask, wanted, key)
        for other in others:
            other.result()

    def _deliver(self, ask: Ask, body: Json, key: str | None) -> None:
        path = "transfers" if ask.kind == "transfer" else "escalations"
        deadline = time.monotonic() + CALLERS_PATIENCE_S
        while True:
            sent = time.time()
            status, answer = self.town.service.post(path, body, key=key)
            ask.deliveries.append(Delivery(sent, time.time(), status, answer.get("id"), answer.get("state")))
            again = status in (0, 502, 503) or (status == 409 and "try again" in answer.get("detail", ""))
            if not again or time.monotonic() > deadline or self.town.stopped.wait(1):
                return

    def _transfer(self, step: Step) -> None:
        held = self._tasks(HELD)
        if not held:
            return
        body: Json = {"from": {"worker_sid": self.town.info["workers"][held[0]["worker"]]}, "mode": step.mode}
        if step.mode == "cold":
            body["release"] = step.release
        if step.to:
            names = {"queue": "support", "worker": self._other_than(held[0]["worker"]), "workflow": "everyone"}
            body["to"] = {step.to: names[step.to]}
        self._request("transfer", body, 1)

    def _other_than(self, worker: str) -> str:
        return self.draw.choice([name for name in ("alice", "carol", "dave") if name != worker])

    def _cancel(self) -> None:
        ids = sorted({one.invite_id for one in self.asks[-1].deliveries if one.invite_id}) if self.asks else []
        for invite_id in ids:
            status, _ = self.town.service.post(f"invites/{invite_id}/cancel", None)
            if status == 200:
                self.town.ledger.canceled.add(invite_id)

    # -- agents

    def _tasks(self, statuses: tuple[str, ...]) -> list[Json]:
        report = self.town.sandbox.conversation(self.conversation)
        return [task for task in report["tasks"] if task["assignment_status"] in statuses]

    def _answer(self, deed: str) -> None:
        deadline = time.monotonic() + AGENTS_PATIENCE_S
        while time.monotonic() < deadline and not self.town.stopped.is_set():
            waiting = self._tasks(OPEN)
            if waiting and self._answer_one(waiting[-1], deed):
                return
            time.sleep(LOOK_S)

    def _answer_one(self, task: Json, deed: str) -> bool:
        ringing = [one["worker"] for one in task["reservations"] if one["status"] == "pending"]
        for worker in ringing or self.draw.sample(WORKERS, len(WORKERS)):
            try:
                self.town.sandbox.control("POST", f"agents/{worker}/{deed}", {"task_sid": task["sid"]})
                return True
            except Refused:
                continue
        return False

    def _end(self, deed: str) -> None:
        held = self._tasks(HELD)
        if held:
            body = {"task_sid": held[0]["sid"]}
            self.town.sandbox.control("POST", f"agents/{held[0]['worker']}/{deed}", body)


def shift_ends(town: Town) -> int:
    """Every agent who still holds a task completes it; how many there were."""
    ended = 0
    for conversation in list(town.ledger.conversations):
        for task in town.sandbox.conversation(conversation)["tasks"]:
            if task["assignment_status"] not in HELD:
                continue
            try:
                town.sandbox.control("POST", f"agents/{task['worker']}/complete", {"task_sid": task["sid"]})
                ended += 1
            except Refused:
                continue  # ended in between
    return ended
