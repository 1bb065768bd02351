"""Looks at the store, and at the clocks of the three who must agree on the time: this machine, the store, Twilio."""

import re
from collections.abc import Iterator

from service.doctor.at_twilio import good_login
from service.doctor.findings import Finding, found
from service.doctor.subject import Subject
from service.errors import StoreUnavailableError
from service.tracking.checkup import Server

LEAST_VERSION = 7
FULL = 0.8
SLOW_S = 0.02
OFF_S, DRIFT_S = 60.0, 5.0  # the Date header is in whole seconds, and travels


def look_at_store(subject: Subject) -> Iterator[Finding]:
    """Whether it answers, and whether it will keep what it is given."""
    try:
        servers = subject.checkup.servers()
        round_trip_s = subject.checkup.round_trip_s()
    except StoreUnavailableError as error:
        yield found("store.away", error.detail)
        return
    for server in servers:
        yield from _server(server)
    if round_trip_s > SLOW_S:
        yield found("store.slow", f"a command without work takes {round_trip_s * 1000:.0f} ms")


def _server(server: Server) -> Iterator[Finding]:
    who = f"{server.name}: " if server.name else ""
    major = re.match(r"\d+", server.version)
    if major is None or int(major[0]) < LEAST_VERSION:
        yield found("store.old", f"{who}version {server.version}")
    if server.role != "master":
        yield found("store.replica", f"{who}its role is {server.role}")
    if not server.aof:
        yield found("store.aof", f"{who}appendonly is no")
    elif not server.aof_written:
        yield found("store.aof-failing", f"{who}the last write or rewrite of it has failed")
    if server.policy != "noeviction":
        yield found("store.evicts", f"{who}maxmemory-policy is {server.policy}")
    if server.most_bytes and server.used_bytes > FULL * server.most_bytes:
        share, most_mb = server.used_bytes / server.most_bytes, server.most_bytes / 1_048_576
        yield found("store.full", f"{who}{share:.0%} of {most_mb:.0f} MB are used")


def look_at_clocks(subject: Subject) -> Iterator[Finding]:
    """Twilio's clock is believed, as its answers' Date header tells it; without it two are compared."""
    login = good_login(subject)
    before_s = subject.now_s()
    theirs_s = subject.parts.store.now_ms() / 1000
    store_s = theirs_s - (before_s + subject.now_s()) / 2
    if login.theirs_s is None:
        yield from _apart(store_s, "this command or of the store", "those of this machine and of the store differ by")
        return
    twilio_s = login.theirs_s - login.ours_s
    yield from _apart(twilio_s, "this command", "this machine's differs from Twilio's by")
    yield from _apart(store_s - twilio_s, "the store", "the store's differs from Twilio's by")


def _apart(seconds: float, who: str, what: str) -> Iterator[Finding]:
    if abs(seconds) > DRIFT_S:
        row = "clock.off" if abs(seconds) > OFF_S else "clock.drifts"
        yield found(row, f"{what} {abs(seconds):.0f} s", who=who)
