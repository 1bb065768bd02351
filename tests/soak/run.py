"""One soak from start to verdict: people act while the storm blows, it gets quiet, the accounts are compared."""

import shutil
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.soak.audit import SETTLED, Accounts, findings
from tests.soak.calls import Refused, Sandbox, Service
from tests.soak.ledger import Ledger
from tests.soak.people import WORKERS, Play, Town, shift_ends
from tests.soak.processes import Processes
from tests.soak.report import Result, verdict
from tests.soak.scripts import script
from tests.soak.storm import Storm
from tests.soak.watch import Watch

# A reconciler that dies keeps what it had claimed for its lease (60 s); then a look (15 s apart while something is on
# its way), the grace, and what a fault postpones.
BOUND_S = 60 + 15 + 15 + 10
A_DAY_S = 90_000
MOST_CAPACITY = 50
SLOWEST_PACE_S = 6.0  # per conversation and hand: no run waits longer for its people than this allows
PEOPLE_PATIENCE_S = 300.0


@dataclass(frozen=True)
class Order:
    """What is to be run."""

    conversations: int
    seed: int
    at_once: int = 40


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

    def __post_init__(self) -> None:
        run, order = self.processes, self.order
        self.sandbox = Sandbox(run.sandbox_url)
        info = self.sandbox.control("GET", "info")
        ledger = Ledger()
        callers = ThreadPoolExecutor(order.at_once * 2)
        service = Service(run.url, run.token)
        self.town = Town(self.sandbox, service, ledger, info, callers, order.seed, threading.Event())
        self.storm = Storm(run, self.sandbox, order.seed, lambda: ledger.done * 2 >= order.conversations)
        spool = self.directory / "sandbox.jsonl"
        self.watch = Watch(self.sandbox, ledger, self.storm, spool, order.conversations)


def soak(order: Order) -> Result:
    """Run it all. The directory with every log stays where a promise broke."""
    directory = Path(tempfile.mkdtemp(prefix="soak-"))
    processes = Processes(directory)
    began = time.monotonic()
    try:
        processes.start_all()
        stage = Stage(order, directory, processes)
        _make_room(stage)
        stage.watch.begin()
        stage.storm.begin()
        _play(stage)
        stage.storm.calm()
        quiet_s = _quiet_down(stage)
        stage.watch.end()
        accounts = _accounts(stage)
        result = verdict(stage, accounts, findings(accounts), took_s=time.monotonic() - began, quiet_s=quiet_s)
    finally:
        processes.close()
    if not result.broken:
        shutil.rmtree(directory)
    return result


def _make_room(stage: Stage) -> None:
    """Agents who can hold as many chats as a soak gives them."""
    info = stage.town.info
    login = (info["account_sid"], info["auth_token"])
    for name in WORKERS:
        path = f"Workspaces/{info['workspace_sid']}/Workers/{info['workers'][name]}/Channels/chat"
        if stage.sandbox.twilio(path, {"Capacity": str(MOST_CAPACITY)}, login) != 200:
            raise RuntimeError(f"{name} could not be given room")


def _play(stage: Stage) -> None:
    """All scripts, a bounded number at a time."""
    order = stage.order
    patience = PEOPLE_PATIENCE_S + SLOWEST_PACE_S * 4 * order.conversations / order.at_once
    with ThreadPoolExecutor(order.at_once, thread_name_prefix="people") as people:
        plays = [
            people.submit(Play(stage.town, script(order.seed, number)).run) for number in range(order.conversations)
        ]
        _, late = wait(plays, timeout=patience)
        stage.town.stopped.set()
        for play in late:
            play.cancel()
    stage.town.callers.shutdown(wait=True)
    for play in plays:
        if not play.cancelled():
            play.result()


def _quiet_down(stage: Stage) -> float:
    """Agents go home, a day passes for what still waits, and everything settles. How long that took, in seconds."""
    _await(lambda: not _unsettled_by_people(stage), BOUND_S)
    stage.sandbox.control("POST", "clock", {"advance_s": A_DAY_S})
    began = time.monotonic()
    _await(lambda: _all_settled(stage), BOUND_S)
    return time.monotonic() - began


def _unsettled_by_people(stage: Stage) -> bool:
    """True while an agent holds a task, or a request has not become one yet."""
    held = shift_ends(stage.town)
    return bool(held) or bool(stage.town.service.invites("&state=requested"))


def _all_settled(stage: Stage) -> bool:
    records = stage.town.service.invites()
    return all(one["state"] in SETTLED and not one["due_at"] for one in records) and not stage.watch.orphans()


def _await(check, within_s: float) -> None:  # type: ignore[no-untyped-def]  # any callable without arguments
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if check():
                return
        except (requests.RequestException, Refused):
            pass  # a reader that meets a restart asks again
        time.sleep(1)


def _accounts(stage: Stage) -> Accounts:
    town, storm = stage.town, stage.storm
    return Accounts(
        ledger=town.ledger,
        invites=town.service.invites(),
        reports={sid: stage.sandbox.conversation(sid) for sid in town.ledger.conversations},
        judge=stage.sandbox.control("GET", "judge"),
        oldest=stage.watch.oldest,
        closed_first=stage.watch.closed_first(),
        flushed_at=storm.flushed_at,
        bound_s=BOUND_S,
        disturbed=lambda began, ended: bool(storm.of_processes(began, ended)),
    )
