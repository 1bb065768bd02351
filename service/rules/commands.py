"""What the commands ``rules check | explain | test | lint | replay | schema`` answer: text that reads well at night.

Nothing of a command-line library comes in here, and no clock; a function takes arguments and answers an exit code and a
text.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from service.errors import ConfigurationError
from service.rules.decide import facts_of
from service.rules.faults import Fault, RulesError, count
from service.rules.lint import lint
from service.rules.lint_workspace import lint_workspace
from service.rules.loading import read_rules, read_text
from service.rules.replay import read_requests, replay
from service.rules.requests import request_of
from service.rules.resolve import Directory, unresolved
from service.rules.schema import schema_text
from service.rules.telling import told
from service.rules.trial_file import read_trials
from service.rules.trial_report import junit, report
from service.rules.trials import run_trials

GOOD, FAULTY, UNUSABLE = 0, 1, 2  # exit codes: in order; the rules have faults; what was handed in cannot be read

Answer = tuple[int, str]


def check(path: Path, directory: Directory | None = None) -> Answer:
    """Whether the file can be used; with a directory, also whether the workspace has every target it names."""
    try:
        ruleset = read_rules(path)
        faults = unresolved(ruleset, directory) if directory else ()
        if faults:
            raise RulesError(faults)
    except RulesError as error:
        return _faulty(error, path)
    names = "every target exists" if directory else "targets were not compared with a workspace"
    return GOOD, f"{path}: {count(len(ruleset.rules), 'rule')} and a default, no faults; {names}\n"


def explain_text(
    path: Path, request_json: str, *, directory: Directory | None = None, now: datetime | None = None
) -> Answer:
    """Which rule a request falls under, why, and what then follows step by step.

    ``request_json`` is an object with any of a request body's fields and kind (escalation by default). ``now`` must
    know its zone; without it no calendar is open or closed. Live facts are null.
    """
    try:
        ruleset = read_rules(path)
        request = request_of(json.loads(request_json))
    except RulesError as error:
        return _faulty(error, path)
    except ValueError as error:
        return UNUSABLE, f"the request cannot be read: {error}\n"
    lines: list[str] = []
    try:
        for line in told(ruleset, facts_of(request, ruleset, now=now), directory):
            lines.append(line)  # those before a fault are kept
    except ConfigurationError as error:
        return FAULTY, "\n".join([*lines, *error.faults]) + "\n"
    return GOOD, "\n".join(lines) + "\n"


def rules_of(tests: Path) -> Path:
    """The rules file that a test file stands beside: ``rules.yaml`` for ``rules.test.yaml``."""
    return tests.with_name(tests.name.replace(".test.", "."))


def run_tests(
    tests: Path,
    path: Path,
    *,
    seconds: Callable[[], float],
    junit_to: Path | None = None,
    least_percent: float = 100,
) -> Answer:
    """Tries the cases in ``tests`` on the rules in ``path``; ``junit_to`` is a file that JUnit XML is written to.

    ``seconds`` is a clock that only goes forward, such as ``time.perf_counter``.
    """
    try:
        ruleset = read_rules(path)
    except RulesError as error:
        return _faulty(error, path)
    try:
        trials = read_trials(read_text(tests), tests.name, ruleset)
    except RulesError as error:
        return UNUSABLE, _faulty(error, tests)[1]
    results = run_trials(ruleset, trials, seconds)
    if junit_to:
        junit_to.write_text(junit(ruleset, results, tests.name), encoding="utf-8")
    good, text = report(ruleset, results, tests.name, least_percent=least_percent)
    return GOOD if good else FAULTY, text


def lint_text(
    path: Path, *, directory: Directory | None = None, workflows: Sequence[Mapping[str, object]] = ()
) -> Answer:
    """Everything suspicious in the file; with a directory and the workspace's workflows, also between them and it."""
    try:
        ruleset = read_rules(path)
        warnings: tuple[Fault, ...] = lint(ruleset)
        if directory:
            warnings = (*warnings, *lint_workspace(ruleset, workflows, directory))
    except RulesError as error:
        return _faulty(error, path)
    except ValueError as error:
        return UNUSABLE, f"{error}\n"
    if not warnings:
        return GOOD, f"{path}: nothing suspicious\n"
    return FAULTY, "\n".join(map(str, warnings)) + f"\n\n{count(len(warnings), 'warning')} in {path}\n"


def replay_text(requests: Path, old: Path, new: Path) -> Answer:
    """Which of the exported requests the rules in ``new`` would decide otherwise than those in ``old``."""
    at = old
    try:
        before = read_rules(at)
        at = new
        after = read_rules(at)
    except RulesError as error:
        return _faulty(error, at)
    try:
        past = read_requests(requests.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return UNUSABLE, f"{requests}: {reason}\n"
    return GOOD, replay(past, before, after).text


def schema(directory: Directory | None = None) -> Answer:
    """The JSON Schema for editors; with a directory they also offer the workspace's names."""
    if directory is None:
        return GOOD, schema_text()
    workflows = sorted(directory.workflows)
    names = {"workflow": workflows, "via": workflows, "queue": sorted(directory.queues),
             "worker": sorted(directory.workers), "task_channel": sorted(directory.task_channels)}  # fmt: skip
    return GOOD, schema_text(names)


def _faulty(error: RulesError, path: Path) -> Answer:
    return FAULTY, f"{error}\n\n{count(len(error.faults), 'fault')} in {path}\n"
