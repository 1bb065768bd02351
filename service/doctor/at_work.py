"""Looks at the processes: does a reconciler work, by which rules does the web process decide, who gives up first?"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import urllib3

from service.doctor.findings import Finding, found
from service.doctor.subject import Subject

BEHIND_S = 60.0
MISSED = 3  # so many catch-ups in a row say that nobody makes them
LEAST_MISSED_S = 30.0  # one turn may read many events
READY_S = 10.0
STUDIO_S = 10.0  # "Make HTTP Request widget"
ON_THE_WAY_S = 1.5  # for network, TLS and proxy

_PROXY = re.compile(r"^\s*(proxy_read_timeout|keepalive_timeout)\s+(\d+)s?\s*;", re.MULTILINE)
_UPSTREAM = re.compile(r"upstream\s+\S+\s*\{([^}]*)\}")


def look_at_reconciler(subject: Subject) -> Iterator[Finding]:
    """The catch-up leaves the time of its last turn in the store, and nothing due may lie about for long."""
    counted = subject.parts.census.take(subject.parts.store.now_ms())
    patience_s = max(LEAST_MISSED_S, MISSED * subject.settings.catch_up_every_s)
    age_s = counted.catch_up_age_s
    if age_s is None:
        yield found("reconcile.never", "the store knows of no catch-up")
    elif age_s > patience_s:
        every_s = subject.settings.catch_up_every_s
        yield found("reconcile.dead", f"the last catch-up was {age_s:.0f} s ago; one is made every {every_s:.0f} s")
    if counted.lag_s > BEHIND_S:
        yield found("reconcile.behind", f"{counted.due} records are due, the longest for {counted.lag_s:.0f} s")


def look_at_readiness(subject: Subject) -> Iterator[Finding]:
    """What /readyz tells of the web process. Where the proxy does not let it through, nothing is told."""
    url = f"{subject.settings.public_base_url}/readyz"
    try:
        with urllib3.PoolManager(retries=False, timeout=READY_S) as pool:
            answer = pool.request("GET", url, redirect=False)
            told = _checks(answer.data)
    except urllib3.exceptions.HTTPError:
        return  # told by the look at the door
    rules = told.pop("rules", "ok")
    if rules != "ok":
        yield found("rules.stale", rules, file=str(subject.settings.rules_file))
    for name, state in told.items():
        if state != "ok":
            yield found("web.not-ready", f"{name}: {state}")


def _checks(body: bytes) -> dict[str, str]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    checks = told.get("checks") if isinstance(told, Mapping) else None
    return {str(name): str(state) for name, state in checks.items()} if isinstance(checks, Mapping) else {}


def look_at_timeouts(subject: Subject) -> Iterator[Finding]:
    """Who waits longer than whom: service, gunicorn, proxy, Studio. From configuration files, as far as they say."""
    budget_s = subject.settings.request_budget_s
    if budget_s + ON_THE_WAY_S > STUDIO_S:
        yield found("timeouts.studio", f"REQUEST_BUDGET_S is {budget_s:g}, Studio waits for {STUDIO_S:.0f} s")
    gunicorn = _numbers_in(subject.gunicorn) if subject.gunicorn else {}
    proxy = _proxy_in(subject.proxy) if subject.proxy else {}
    graceful, read = gunicorn.get("graceful_timeout"), proxy.get("proxy_read_timeout")
    if graceful is not None and graceful <= budget_s:
        what = f"graceful_timeout is {graceful:g} s, REQUEST_BUDGET_S {budget_s:g}"
        yield found("timeouts.gunicorn", what, file=str(subject.gunicorn))
    if read is not None and read <= budget_s:
        what = f"proxy_read_timeout is {read:g} s, REQUEST_BUDGET_S {budget_s:g}"
        yield found("timeouts.proxy", what, file=str(subject.proxy))
    kept, used = gunicorn.get("keepalive"), proxy.get("keepalive_timeout")
    if kept is not None and used is not None and kept <= used:
        what = f"gunicorn keeps them for {kept:g} s, the proxy for {used:g}"
        yield found("timeouts.keepalive", what, file=str(subject.gunicorn))


def _numbers_in(path: Path) -> dict[str, float]:
    """Names that a Python file gives a plain number. It is read, not run: running it has effects."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return {}
    return {
        target.id: float(node.value.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, int | float)
    }


def _proxy_in(path: Path) -> dict[str, float]:
    """nginx' proxy_read_timeout, and how long it keeps connections to its upstream (seconds)."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return {}
    found_all = dict(_PROXY.findall(text))
    upstream = dict(_PROXY.findall("".join(_UPSTREAM.findall(text))))
    pairs = {**found_all, "keepalive_timeout": upstream.get("keepalive_timeout", "60")}  # nginx' default
    return {name: float(value) for name, value in pairs.items()}
