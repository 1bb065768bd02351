"""The people of a story and what they see: agents, a customer, and those who ask the service through an app."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from service.model import Errand, ErrandState, Invite, State
from service.reconcile.look import waits_for_release
from service.tracking.errands import Errands
from service.tracking.lifecycle import FINAL
from service.tracking.store import Store
from tests.flow.world import Answer
from tests.stories.app import App, Json
from tests.stories.rigs import Rig

PATIENCE_S = 40.0
PAUSE_S = 0.02
LIVE_TASK = ("pending", "reserved", "assigned", "wrapping")
_RESTS = {State.PENDING: ("pending", "reserved"), State.ACCEPTED: ("assigned", "wrapping")}
RESTING = (ErrandState.DONE, ErrandState.REFUSED, ErrandState.PARKED)


@dataclass
class Stage:
    """One story under way. ``told``: the answers that its check wants to see again."""

    rig: Rig
    told: dict[str, Answer] = field(default_factory=dict)
    conversation_sid: str = ""
    channel_sid: str = ""
    began_ms: int = 0

    def __post_init__(self) -> None:
        self.app = App(self.rig)

    # -- the app

    def transfer(self, origin: str = "alice", **more: object) -> Answer:
        """A transfer by ``origin``."""
        who = {"worker_sid": self.sid_of(origin)}
        return self.app.ask("transfers", {"conversation_sid": self.conversation_sid, "from": who, **more})

    def cancel(self, invite: Answer) -> Answer:
        """Call an invite off."""
        return self.app.ask(f"invites/{invite['id']}/cancel", {})

    def errand(self, kind: str, **body: object) -> Answer:
        """Ask for an errand on the conversation."""
        return self.app.ask(f"conversations/{self.conversation_sid}/{kind}", dict(body))

    def leave(self, worker: str, **more: object) -> Answer:
        """An agent leaves by the service."""
        return self.errand("leave", **{"from": {"worker_sid": self.sid_of(worker)}}, **more)

    def park(self, worker: str, **more: object) -> Answer:
        """An agent parks, and has gone by the time this returns."""
        rests = self.errand("park", **{"from": {"worker_sid": self.sid_of(worker)}}, **more)
        self.until_errand(rests, "parked", "refused")
        return rests

    # -- the people

    def served(self, *workers: str) -> None:
        """A conversation that alice attends, and whoever else is named."""
        invite = self.arrive()
        self.accept(invite, "alice")
        self.channel_sid = str(self.invite(invite).channel_sid)
        for worker in workers:
            self.accept(self.transfer(to={"worker": worker}, mode="warm"), worker)
        self.rest()

    def arrive(self) -> Answer:
        """A customer who wants a person."""
        made = self.rig.control("POST", "conversations", {"channel_type": "web", "address": "customer@example.com"})
        self.conversation_sid = str(made["conversation_sid"])
        return self.app.ask("escalations", {"conversation_sid": self.conversation_sid, "channel_type": "web"})

    def accept(self, invite: Answer, worker: str) -> None:
        """The invite's task rings, the worker takes it, and the service has heard of it."""
        assert self.act(worker, "accept", self.ringing(invite)), f"{worker} cannot take it; {self.sight()}"
        self.until(lambda: self.invite(invite).state in (State.ACCEPTED, State.COMPLETED), f"{worker} is not noticed")

    def ringing(self, invite: Answer) -> str:
        """The task of an invite, once it is there."""
        self.until(lambda: self.invite(invite).state is not State.REQUESTED, "the invite is never made")
        found = self.invite(invite)
        assert found.task_sid, f"the invite is {found.state} without a task: {found.reason}"
        return found.task_sid

    def act(self, worker: str, name: str, task_sid: str) -> bool:
        """An agent acts; False if it was too late for that."""
        url = f"agents/{worker}/{name}"
        try:
            self.rig.control("POST", url, {"task_sid": task_sid})
        except AssertionError as error:
            if ": 409 " in str(error):
                return False
            raise
        return True

    def write(self, body: str = "Are you still there?") -> None:
        """The customer writes."""
        self.rig.control("POST", f"conversations/{self.conversation_sid}/messages", {"body": body})

    def advance(self, seconds: float) -> None:
        """Time passes at Twilio."""
        self.rig.control("POST", "clock", {"advance_s": seconds})

    def grow_older(self, parked: Answer, seconds: int) -> None:
        """Time passes for a parked conversation: its record grows so much older."""
        errands = Errands(self.rig.redis, keep_s=600)
        found = errands.get(str(parked["id"]))
        assert found is not None
        assert found.parked_at_ms is not None
        errands.touch(found.id, found.state, fields={"parked_at_ms": str(found.parked_at_ms - seconds * 1000)})

    def sid_of(self, worker: str) -> str:
        return str(self.rig.info["workers"][worker])

    # -- the background

    def until(self, check: Callable[[], bool], message: str) -> None:
        """Let the service work until ``check`` holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not check():
            assert time.monotonic() < deadline, f"{message}; {self.sight()}"
            self.app.work()
            time.sleep(PAUSE_S)

    def wait(self, check: Callable[[], bool], message: str) -> None:
        """Wait until ``check`` holds, while the service is left alone."""
        deadline = time.monotonic() + PATIENCE_S
        while not check():
            assert time.monotonic() < deadline, f"{message}; {self.sight()}"
            time.sleep(PAUSE_S)

    def until_errand(self, errand: Answer, *states: str) -> Json:
        """Let the service work until the errand is in one of ``states``."""
        path = f"errands/{errand['id']}"
        self.until(lambda: self.app.get(path)["state"] in states, f"the errand is not {' or '.join(states)}")
        return self.app.get(path)

    def rest(self) -> None:
        """Let the service work until there is nothing left to do for it, and it has looked at everything once more."""
        self.until(lambda: not self.unsettled(), "the records do not settle")
        self.app.work()
        self.until(lambda: not self.unsettled(), "the records do not stay settled")

    # -- looking

    def invite(self, answer: Answer) -> Invite:
        """An invite, or the last of those that have followed it."""
        found = self._store.get(str(answer["id"]))
        assert found is not None, f"the invite {answer['id']} is lost"
        while found.state is State.SUPERSEDED and found.successor:
            after = self._store.get(found.successor)
            assert after is not None, f"the invite {found.successor} is lost"
            found = after
        return found

    def invites(self) -> list[Invite]:
        """Those of the conversation, oldest first."""
        return sorted(self._store.of_anchor(self.conversation_sid), key=lambda one: (one.created_at_ms, one.id))

    def errands(self) -> list[Errand]:
        """Those of the conversation."""
        return Errands(self.rig.redis, keep_s=600).of_anchor(self.conversation_sid)

    def report(self) -> Json:
        """Everything that Twilio has of the conversation."""
        return self.rig.control("GET", f"conversations/{self.conversation_sid}")

    def agents(self) -> list[str]:
        """Names of the agents on the channel."""
        return sorted(one["worker"] for one in self.report()["participants"] if one["type"] == "agent")

    def live_tasks(self) -> list[str]:
        """The tasks that somebody may take, or has taken."""
        return [one["sid"] for one in self.report()["tasks"] if one["assignment_status"] in LIVE_TASK]

    def unattended_ms(self) -> float:
        """The longest stretch since the story began with neither an agent nor a live task, by Twilio's own record."""
        report = self.rig.control("GET", f"conversations/{self.conversation_sid}/attendance")
        now_ms = int(self.rig.control("GET", "clock")["now_epoch_ms"])
        assert not report["truncated"]
        spans = [(one["from_ms"], one["to_ms"] or now_ms) for one in report["unattended"]]
        return max((end - max(begin, self.began_ms) for begin, end in spans if end > self.began_ms), default=0.0)

    def unsettled(self) -> list[str]:
        """What is still to be done, or waits for something that will not come."""
        statuses = {one["sid"]: one["assignment_status"] for one in self.report()["tasks"]}
        left = [f"invite {one.state} {one.id}" for one in self.invites() if not _is_settled(one, statuses)]
        errands = self.errands()
        left += [f"errand {one.kind} {one.state}" for one in errands if one.state not in RESTING]
        first = Errands(self.rig.redis, keep_s=600).first_in_line(self.channel_sid) if self.channel_sid else None
        return left + ([f"line {first}"] if first else [])

    def sight(self) -> str:
        """How things stand, for whoever has to find out what went wrong."""
        report = self.report()
        tasks = [(one["sid"][:6], one["assignment_status"], one["reason"]) for one in report["tasks"]]
        invites = [(str(one.state), one.reason, [entry.what for entry in one.history]) for one in self.invites()]
        errands = [(str(one.kind), str(one.state), [entry.what for entry in one.history]) for one in self.errands()]
        parts = {"channel": report["channel_status"], "agents": self.agents(), "tasks": tasks}
        return f"{parts} invites={invites} errands={errands} left={self.unsettled()}"

    @property
    def _store(self) -> Store:
        return Store(self.rig.redis, keep_s=600)


def _is_settled(invite: Invite, statuses: dict[str, str]) -> bool:
    if invite.state in FINAL:
        return invite.due_ms is None
    rests = _RESTS.get(invite.state, ())
    return not waits_for_release(invite) and statuses.get(invite.task_sid or "") in rests


def together(*calls: Callable[[], Answer]) -> list[Answer]:
    """Several at once; their answers in the order of the calls."""
    answers: dict[int, Answer] = {}

    def make(number: int) -> None:
        answers[number] = calls[number]()

    threads = [threading.Thread(target=make, args=(number,), daemon=True) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S * 2)
    assert len(answers) == len(calls), "somebody was never answered"
    return [answers[number] for number in range(len(calls))]
