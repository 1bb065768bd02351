"""One soak from start to verdict: people act while the storm blows, it gets quiet, the accounts are compared."""

import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.audit import findings
from tests.soak.calls import Json, Sandbox, Service
from tests.soak.gauge import Gauge
from tests.soak.ledger import Ledger
from tests.soak.pace import Pace
from tests.soak.people import WORKERS, Play
from tests.soak.processes import PROBER, Processes
from tests.soak.quiet import gathered, quiet_down
from tests.soak.report import Result, verdict
from tests.soak.scripts import script
from tests.soak.storm import Storm
from tests.soak.town import Town
from tests.soak.watch import Watch

MOST_CAPACITY = 50
SLOWEST_PACE_S = 6.0  # per conversation and hand: no run waits longer for its people than this allows
PEOPLE_PATIENCE_S = 300.0
SHORT = 5000  # conversations
FEW, AT_ONCE, AT_ONCE_LONG = 1000, 40, 80
MINUTES, MINUTES_LONG = 12.0, 58.0
RESERVE_S = 420.0  # of the minutes that a run may take, for becoming quiet and comparing
LEAST_PLAY_S = 60.0


@dataclass(frozen=True)
class Order:
    """What is to be run. After ``minutes`` there is a verdict on whatever was done by then."""

    conversations: int
    seed: int
    at_once: int = AT_ONCE
    minutes: float = MINUTES

    @classmethod
    def of(cls, environ: Mapping[str, str], *, seed: int) -> "Order":
        """As SOAK, SEED, AT_ONCE and MINUTES order it; ``seed`` where none is ordered."""
        conversations = int(environ.get("SOAK") or 200)
        many = conversations >= FEW
        return cls(
            conversations=conversations,
            seed=int(environ.get("SEED") or seed),
            at_once=int(environ.get("AT_ONCE") or (AT_ONCE_LONG if many else AT_ONCE)),
            minutes=float(environ.get("MINUTES") or (MINUTES_LONG if many else MINUTES)),
        )

    @property
    def long(self) -> bool:
        """Long enough for memory to be watched and for lulls in the storm."""
        return self.conversations >= SHORT

    @property
    def play_s(self) -> float:
        """How long people may act."""
        pace = PEOPLE_PATIENCE_S + SLOWEST_PACE_S * 4 * self.conversations / self.at_once
        return max(LEAST_PLAY_S, min(pace, self.minutes * 60 - RESERVE_S))


@dataclass
class Stage:
    """Everything that takes part in one run."""

    order: Order
    directory: Path
    processes: Processes
    sandbox: Sandbox = field(init=False)
    town: Town = field(init=False)
    storm: Storm = field(init=False)
    watch: Watch = field(init=False)
    gauge: Gauge = field(init=False)
    pace: Pace = field(init=False)
    played_s: float = 0.0
    unfinished: int = 0  # conversations that were not begun, or cut off, as time was up

    def __post_init__(self) -> None:
        run, order = self.processes, self.order
        self.sandbox = Sandbox(run.sandbox_url)
        info = self.sandbox.control("GET", "info")
        ledger = Ledger()
        callers = ThreadPoolExecutor(order.at_once * 2)
        service = Service(run.urls, run.token)
        self.town = Town(self.sandbox, service, ledger, info, callers, order.seed, threading.Event())
        self.storm = Storm(run, self.sandbox, order.seed, lambda: ledger.done / order.conversations, order.long)
        spool = self.directory / "sandbox.jsonl"
        run.start_prober(info["auth_token"])
        self.watch = Watch(self.sandbox, ledger, self.storm, spool, order.conversations, self._to_prober)
        self.gauge = Gauge(run.pids)
        self.pace = Pace(run.store.url)

    def _to_prober(self, form: Json) -> None:
        self.processes.tell(PROBER, form)


def soak(order: Order) -> Result:
    """Run it all. The directory with every log stays where a promise broke."""
    directory = Path(tempfile.mkdtemp(prefix="soak-"))
    processes = Processes(directory, order.seed, long=order.long)
    began = time.monotonic()
    try:
        processes.start_all()
        stage = Stage(order, directory, processes)
        _make_room(stage)
        stage.watch.begin()
        stage.gauge.begin()
        stage.storm.begin()
        _play(stage)
        stage.storm.calm()
        quiet_s = quiet_down(stage)
        stage.watch.end()
        stage.gauge.end()
        accounts = gathered(stage)
        result = verdict(stage, accounts, findings(accounts), took_s=time.monotonic() - began, quiet_s=quiet_s)
    finally:
        processes.close()
    if not result.broken:
        shutil.rmtree(directory)
    return result


def _make_room(stage: Stage) -> None:
    """Agents who can hold as many chats as a soak gives them."""
    info = stage.town.info
    for name in WORKERS:
        path = f"Workspaces/{info['workspace_sid']}/Workers/{info['workers'][name]}/Channels/chat"
        if stage.sandbox.twilio(path, {"Capacity": str(MOST_CAPACITY)}, stage.town.login) != 200:
            raise RuntimeError(f"{name} could not be given room")


def _play(stage: Stage) -> None:
    """All scripts, a bounded number at a time, for as long as there is time."""
    order, began = stage.order, time.monotonic()
    stage.pace.begin()

    def play(number: int) -> None:
        stage.pace.wait(stage.town.stopped)
        Play(stage.town, script(order.seed, number)).run()

    with ThreadPoolExecutor(order.at_once, thread_name_prefix="people") as people:
        plays: list[Future[None]] = [people.submit(play, number) for number in range(order.conversations)]
        _, late = wait(plays, timeout=order.play_s)
        stage.town.stopped.set()
        for one in late:
            one.cancel()
    stage.pace.end()
    stage.unfinished = len(late)
    stage.town.callers.shutdown(wait=True)
    for one in plays:
        error = None if one.cancelled() else one.exception()
        if error is not None:
            stage.storm.broken.append(f"somebody could not go on: {error!r}")
    stage.played_s = time.monotonic() - began
