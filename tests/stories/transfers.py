"""Cold transfers at random, many conversations side by side, while the reconciler works on its own.

What happens is drawn from a seed; who is faster is not. Measured is what the local Twilio itself has noted: from the
first agent's coming to the last outcome, was the customer ever without an agent and without a live task?
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

from service.model import Invite, State
from service.tracking.lifecycle import FINAL
from tests.flow.world import Answer, World
from tests.stories.app import Json
from tests.stories.rigs import InProcess
from tests.stories.stage import LIVE_TASK, Stage, together
from tests.stories.stories import RINGS_S

LANES = 6
MOST_A_CONVERSATION = 4
AT_ONCE, WRITES = 0.25, 0.4
WORKERS = ("alice", "bob", "carol", "dave")
QUEUES = ("everyone", "support", "billing")
REPLIES = ("accept", "accept", "accept", "decline", "ring out", "cancel", "cancel while they accept")
SERVED = ("assigned", "wrapping", "completed")
ROOM = "50"


@dataclass(frozen=True)
class Order:
    """How many transfers, from which seed, and what they are drawn from."""

    transfers: int
    seed: int
    releases: tuple[str, ...] = ("accepted", "queued")
    replies: tuple[str, ...] = REPLIES


@dataclass
class Tally:
    """What has happened. ``alone_ms``: the longest that a customer was alone; ``alone``: in which conversations."""

    counts: Counter[str] = field(default_factory=Counter)
    alone_ms: float = 0.0
    alone: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str) -> None:
        """One more of these."""
        with self.lock:
            self.counts[what] += 1

    def measured(self, stage: Stage) -> None:
        """A conversation is through."""
        alone_ms = stage.unattended_ms()
        with self.lock:
            self.counts["conversations"] += 1
            self.alone_ms = max(self.alone_ms, alone_ms)
            self.alone += [stage.conversation_sid] if alone_ms else []


class Running(InProcess):
    """The reconciler works on its own; nothing is brought forward."""

    def work(self) -> None:
        time.sleep(0.02)


@contextmanager
def running(redis_url: str, rules: str) -> Iterator[Running]:
    """A world with its reconciler at work, and agents who can hold as many chats as they are given."""
    world = World(redis_url, rules)
    rig, stop = Running(world), threading.Event()
    rig.start_anew()
    _make_room(world)
    loop = threading.Thread(target=world.reconciler.run, args=(stop,), daemon=True)
    loop.start()
    try:
        yield rig
    finally:
        stop.set()
        loop.join()
        world.close()


def _make_room(world: World) -> None:
    login = (world.info["account_sid"], world.info["auth_token"])
    for sid in world.info["workers"].values():
        path = f"/v1/Workspaces/{world.info['workspace_sid']}/Workers/{sid}/Channels/chat"
        said = requests.post(f"{world.sandbox.base_url}{path}", {"Capacity": ROOM}, auth=login, timeout=10)
        assert said.ok, said.text


def transfer_at_random(rig: Running, order: Order) -> Tally:
    """Carry the order out. Raises AssertionError where somebody is never answered or a transfer has no outcome."""
    tally = Tally()
    lanes = [_lane(rig, order, tally, number) for number in range(LANES)]
    with ThreadPoolExecutor(LANES) as pool:
        for done in [pool.submit(lane) for lane in lanes]:
            done.result()
    return tally


def _lane(rig: Running, order: Order, tally: Tally, number: int) -> Callable[[], None]:
    def run() -> None:
        draw = random.Random(order.seed * LANES + number)
        left = order.transfers // LANES + (number < order.transfers % LANES)
        while left > 0:
            left -= Conversation(rig, order, tally, draw).run(min(left, MOST_A_CONVERSATION))

    return run


class Conversation:
    """One customer who is handed around."""

    def __init__(self, rig: Running, order: Order, tally: Tally, draw: random.Random) -> None:
        self._stage = Stage(rig)
        self._order, self._tally, self._draw = order, tally, draw

    def run(self, most: int) -> int:
        """Up to ``most`` transfers, one or two at a time, until nobody is left who could transfer. How many."""
        stage, made = self._stage, 0
        self._taken(stage.ringing(stage.arrive()))
        stage.began_ms = int(stage.rig.control("GET", "clock")["now_epoch_ms"])
        while made < most and stage.agents():
            made += self._hand_over(2 if made + 2 <= most and self._draw.random() < AT_ONCE else 1)
        self._tally.measured(stage)
        self._go_home()
        return made

    def _hand_over(self, count: int) -> int:
        """``count`` transfers at once, each to its outcome."""
        stage, draw = self._stage, self._draw
        bodies = [self._body() for _ in range(count)]
        replies = [draw.choice(self._order.replies) for _ in range(count)]
        calls = [lambda body=body: stage.transfer(**body) for body in bodies]
        answers = together(*calls)
        if draw.random() < WRITES:
            stage.write()
            self._tally.count("messages")
        self._tally.counts["two at once"] += count // 2
        for body, reply, answer in zip(bodies, replies, answers, strict=True):
            if answer.status >= 400:  # to somebody who has come meanwhile
                self._tally.count(f"refused {answer.status}")
            else:
                self._reply(body, reply, answer)
        return count

    def _body(self) -> dict[str, object]:
        here = self._stage.agents()
        release = self._draw.choice(self._order.releases)
        queue = release == "queued" or self._draw.random() < 0.4
        others = [name for name in WORKERS if name not in here] or list(WORKERS)
        to = {"queue": self._draw.choice(QUEUES)} if queue else {"worker": self._draw.choice(others)}
        return {"origin": self._draw.choice(here), "to": to, "release": release}

    def _reply(self, body: dict[str, object], reply: str, answer: Answer) -> None:
        """Whoever is asked replies; a customer whose agent has gone for a queue is always taken in the end."""
        stage = self._stage
        task_sid = stage.ringing(answer)
        if body["release"] == "queued" and not (reply == "decline" and "everyone" in str(body["to"])):
            reply = "accept"  # else there may be nobody left who could take it
        if reply == "decline":
            self._anybody("decline", task_sid)
        if reply == "ring out":
            stage.advance(RINGS_S)
        if reply == "accept" or (reply == "decline" and "queue" in str(body["to"])):
            self._anybody("accept", task_sid)
        elif reply == "decline":
            stage.advance(RINGS_S)
        elif reply == "cancel while they accept":
            together(lambda: stage.cancel(answer), lambda: self._accepted(task_sid, answer))
        self._tally.count(f"reply: {reply}")
        self._tally.count(f"outcome: {self._outcome(body, answer)}")

    def _taken(self, task_sid: str) -> None:
        """Somebody takes it. Where it rings at one who has come meanwhile, that one declines."""

        def taken() -> bool:
            if not self._anybody("accept", task_sid):
                self._decline_here(task_sid)
            return self._is_taken(task_sid)

        self._stage.wait(taken, "nobody can take a task")

    def _decline_here(self, task_sid: str) -> bool:
        here = self._stage.agents()
        return any(self._stage.act(name, "decline", task_sid) for name in here)

    def _is_taken(self, task_sid: str) -> bool:
        return any(one["sid"] == task_sid and one["assignment_status"] in SERVED for one in self._tasks())

    def _tasks(self) -> list[Json]:
        tasks: list[Json] = self._stage.report()["tasks"]
        return tasks

    def _accepted(self, task_sid: str, answer: Answer) -> Answer:
        self._anybody("accept", task_sid)
        return answer

    def _outcome(self, body: dict[str, object], answer: Answer) -> str:
        stage = self._stage
        if not self._is_over(answer) and body["release"] == "accepted":
            stage.wait(lambda: self._is_over(answer) or self._waits(answer), "neither waits nor has an outcome")
            if self._waits(answer):  # nobody took it: it is called off
                stage.cancel(answer)
        elif self._waits(answer) and not self._anybody("accept", str(stage.invite(answer).task_sid)):
            self._last_resort(answer)
        stage.wait(lambda: self._is_over(answer), f"a transfer has no outcome: {body}")
        return str(stage.app.get(f"transfers/{answer['id']}")["outcome"])

    def _last_resort(self, answer: Answer) -> None:
        """Nobody else can take it: it is called off where somebody is with the customer, else somebody has to."""
        if self._stage.agents():
            self._stage.cancel(answer)
        else:
            self._taken(str(self._stage.invite(answer).task_sid))

    def _is_over(self, answer: Answer) -> bool:
        invite = self._stage.invite(answer)
        return invite.state in FINAL or (invite.state is State.ACCEPTED and invite.old_agent_gone)

    def _waits(self, answer: Answer) -> bool:
        invite = self._stage.invite(answer)
        return invite.state is State.PENDING and self._status(invite) in ("pending", "reserved")

    def _status(self, invite: Invite) -> str:
        return next((str(one["assignment_status"]) for one in self._tasks() if one["sid"] == invite.task_sid), "")

    def _anybody(self, act: str, task_sid: str) -> bool:
        """Whoever can, and is not there yet."""
        here = self._stage.agents()
        others = [name for name in WORKERS if name not in here]
        self._draw.shuffle(others)
        return any(self._stage.act(name, act, task_sid) for name in others)

    def _go_home(self) -> None:
        for task in self._tasks():
            if task["assignment_status"] in LIVE_TASK and task["worker"]:
                self._stage.act(task["worker"], "complete", task["sid"])
