"""How gunicorn serves the web process (`flex-router web`). Read from the environment: HOST, PORT, LOG_LEVEL, and

WEB_CONCURRENCY  worker processes; default: as many as there are cores for us, at most 8
PIN_WORKERS      "1" ties each worker to a core of its own

What was chosen from, on two cores that callers, store and a stand-in for Twilio used as well (medians of
`python -m tests.bench --only scaling`, and of its part requests):

    events of a task's life, one process         all in Flask, gthread              800 a second
                                                 ASGI worker                      2,006
    the same, processes pinned to cores          1 / 2 / 4                        2,006 / 3,604 / 3,817
    64 callers of escalations, Twilio at         16 / 32 / 64 / 88 threads        250 / 244 / 204 / 186 a second
    100 ms, one process                          p99                              1,448 / 969 / 751 / 802 ms
    the same, two processes                      16 / 32 / 64 / 88 threads        326 / 315 / 268 / 261 a second
                                                 p99                              515 / 377 / 450 / 494 ms
    16 callers, Twilio at 0 ms, two processes    all connections on one worker    140 a second
                                                 connections taken in turns       341

With 16 and 32 threads some are answered 202, and made by the reconciler (TWILIO_CONCURRENCY is 64 here). Threads beyond
the calls that are under way only cost: they wait for each other. So 32, and 16 calls to Twilio at once.
"""

import gc
import itertools
import logging
import math
import os
import resource
from pathlib import Path
from typing import Any

from service.metrics.files import VARIABLE, shared_directory, take_slot

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")

OPEN_FILES = 65_536
MOST_WORKERS = 8  # unless more are asked for: so many, their threads counted, the container's limits have room for


def allow_connections() -> None:
    """Each connection is an open file. A thousand, which is what a shell allows, are soon there."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    if resource.RLIM_INFINITY != allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def cores() -> int:
    """Cores that this process may use. A container's quota is lower than what the machine reports."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CPU_QUOTA.read_text().split()
        return min(available, max(1, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or "max": no quota
        return available


def from_environment(name: str, default: int) -> int:
    """A whole number above zero from the environment; gunicorn prints the error and does not start otherwise."""
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{name} must be a whole number above 0")
    return int(text)


allow_connections()

host = os.environ.get("HOST") or "127.0.0.1"
bind = f"{f'[{host}]' if ':' in host else host}:{from_environment('PORT', 8080)}"

# An event loop and a process for each core. Events are taken in the loop; requests wait for Redis and for Twilio in
# threads of the application's own (WEB_THREADS, a setting of the service).
worker_class = "service.intake.worker.Worker"
workers = from_environment("WEB_CONCURRENCY", min(cores(), MOST_WORKERS))

# Imports once, before the fork: faster start, and the workers share that memory. Connections are opened on first use,
# never at import, so nothing that must not be shared crosses the fork.
preload_app = True

# Connections are cheap: what waits for a thread is bounded by the application, which says 503 in time.
backlog = 1024

# Longer than the proxy keeps its connections (60 s), so that it is never us who close one it is about to use.
keepalive = 75

# The heartbeat of the worker, not of a request: a hung thread does not trip it, a hung event loop does. What a request
# may take is bounded by REQUEST_BUDGET_S, which is why stopping can wait a little longer than that.
timeout = 30
graceful_timeout = 20

# The heartbeat file: on a disk that stalls, healthy workers would be killed.
memory = "/dev/shm"  # noqa: S108  gunicorn makes the file there under a name of its own
worker_tmp_dir = memory if os.access(memory, os.W_OK) else None

# On by default since 25.1: needs a writable home, and a second gunicorn of the same user takes it over in silence.
control_socket_disable = True

# Our longest address is far below these. Fewer and smaller headers: less memory that a stranger can make us hold.
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

# Nobody's forwarded headers are believed: signatures are checked against PUBLIC_BASE_URL, which no header can change.
forwarded_allow_ips = ""
forwarder_headers = ""

# Addresses hold SIDs, callers hold phone numbers: the service logs one line a decision, the proxy the rest.
accesslog = None
errorlog = "-"
loglevel = (os.environ.get("LOG_LEVEL") or "INFO").partition(",")[0].lower()

# What the workers count adds up in files that they share; in memory, for the same reason as the heartbeat file.
raw_env = [f"{VARIABLE}={shared_directory(worker_tmp_dir)}"]


class _NoText(logging.Filter):
    """Drops what gunicorn quotes of a request that it cannot parse: a broken header line may hold a key."""

    def filter(self, record: logging.LogRecord) -> bool:
        if str(record.msg).startswith("Invalid"):
            record.msg, record.args = "Invalid request", None
        return True


def when_ready(server: Any) -> None:
    """Before the first fork. What is loaded stays for good: where the collector never touches it, it stays shared."""
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """Runs in each worker once its logger exists."""
    worker.log.error_log.addFilter(_NoText())


def pre_fork(server: Any, worker: Any) -> None:
    """Give the new worker the first slot and core that no living worker has; also when it replaces one that died.

    During a reload there are more workers than cores: a slot is needed by each, a core can be shared.
    """
    slots = {getattr(other, "slot", None) for other in server.WORKERS.values()}
    worker.slot = next(slot for slot in itertools.count() if slot not in slots)
    taken = {getattr(other, "core", None) for other in server.WORKERS.values()}
    worker.core = next((core for core in range(workers) if core not in taken), 0)


def post_fork(server: Any, worker: Any) -> None:
    """Let the worker count under its slot, and tie it to its core if asked to.

    That makes 5 to 60 % more requests a second where nothing else runs there. Off by default, because on a shared
    machine a busy neighbour on that core would halve the worker.
    """
    take_slot(worker.slot)
    if os.environ.get("PIN_WORKERS") == "1" and hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {allowed[worker.core % len(allowed)]})
