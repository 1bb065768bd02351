"""Plays one script: the customer, the callers and the agents around one conversation. Judges nothing."""

import json
import random
import time
from dataclasses import dataclass, field

from tests.soak.calls import Json, Refused
from tests.soak.errands import ERRANDS, carry_out
from tests.soak.ledger import Ask
from tests.soak.scripts import Script, Step
from tests.soak.town import Town

WORKERS = ("carol", "alice", "bob", "dave")
AGENTS_PATIENCE_S = 9.0  # an agent waits this long for something to ring
LOOK_S = 0.3
APART_S = 1.1  # who comes back comes back later: tasks tell their times in whole seconds
OPEN, HELD = ("pending", "reserved"), ("assigned", "wrapping")


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
            status = self.town.sandbox.twilio("Interactions", form, self.town.login)
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
            elif step.deed in ERRANDS:
                carry_out(self.town, self.conversation, step, self._attending())
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
        post = self.town.service.post
        self.town.insist(ask.deliveries, lambda turn: post(path, body, key=key, turn=ask.number + turn))

    def _transfer(self, step: Step) -> None:
        held = self.tasks(HELD)
        if not held:
            return
        body: Json = {"from": {"worker_sid": self.town.info["workers"][held[0]["worker"]]}, "mode": step.mode}
        if step.mode == "cold":
            body["release"] = step.release
        if step.to:
            names = {"queue": "support", "worker": self._other_than(held[0]["worker"]), "workflow": "everyone"}
            body["to"] = {step.to: names[step.to]}
        self._request("transfer", body, 1)

    def _attending(self) -> list[str]:
        names = dict.fromkeys(task["worker"] for task in self.tasks(HELD))
        return [self.town.info["workers"][name] for name in names]

    def _other_than(self, worker: str) -> str:
        return self.draw.choice([name for name in ("alice", "carol", "dave") if name != worker])

    def _cancel(self) -> None:
        ids = sorted({one.invite_id for one in self.asks[-1].deliveries if one.invite_id}) if self.asks else []
        for invite_id in ids:
            self.town.ledger.canceled.add(invite_id)  # whatever is answered: it may have its effect all the same
            self.town.service.post(f"invites/{invite_id}/cancel", None)

    # -- agents

    def tasks(self, statuses: tuple[str, ...]) -> list[Json]:
        """The conversation's tasks in those states, oldest first."""
        report = self.town.sandbox.conversation(self.conversation)
        return [task for task in report["tasks"] if task["assignment_status"] in statuses]

    def _answer(self, deed: str) -> None:
        deadline = time.monotonic() + AGENTS_PATIENCE_S
        while time.monotonic() < deadline and not self.town.stopped.is_set():
            waiting = self.tasks(OPEN)
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
        held = self.tasks(HELD)
        if held:
            body = {"task_sid": held[0]["sid"]}
            self.town.sandbox.control("POST", f"agents/{held[0]['worker']}/{deed}", body)


def shift_ends(town: Town) -> int:
    """Every agent who still holds a task completes it; how many there were."""
    ended = 0
    for listed in list(town.sandbox.tasks(town.info["workspace_sid"], ",".join(HELD), town.login)):
        worker = _holder(town, json.loads(listed["attributes"]).get("conversationSid"), listed["sid"])
        if worker is None:
            continue
        try:
            town.sandbox.control("POST", f"agents/{worker}/complete", {"task_sid": listed["sid"]})
            ended += 1
        except Refused:
            continue  # ended in between
    return ended


def _holder(town: Town, conversation: str | None, task_sid: str) -> str | None:
    if conversation not in town.ledger.conversations:
        return None
    tasks = town.sandbox.conversation(conversation)["tasks"]
    return next((task["worker"] for task in tasks if task["sid"] == task_sid), None)
