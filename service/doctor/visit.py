"""One visit: all looks, one after the other, and the mending of what can be set at Twilio."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from service.doctor.at_the_door import look_at_door
from service.doctor.at_the_rules import look_at_rules
from service.doctor.at_the_store import look_at_clocks, look_at_store
from service.doctor.at_twilio import (
    filter_with_ours,
    look_at_chat_service,
    look_at_credentials,
    look_at_workspace,
)
from service.doctor.at_work import look_at_readiness, look_at_reconciler, look_at_timeouts
from service.doctor.findings import Finding
from service.doctor.subject import Subject
from service.errors import RouterError
from service.flex.account import WorkspaceSettings


@dataclass(frozen=True)
class Look:
    """One look, and what it is at."""

    at: str
    run: Callable[[Subject], Iterator[Finding]]


LOOKS = (
    Look("the credentials", look_at_credentials),
    Look("the workspace and its events", look_at_workspace),
    Look("Flex' chat service", look_at_chat_service),
    Look("the public address", look_at_door),
    Look("the web process", look_at_readiness),
    Look("the rules, the workspace's names and its workflows", look_at_rules),
    Look("the store", look_at_store),
    Look("the clocks", look_at_clocks),
    Look("the reconciler", look_at_reconciler),
    Look("the time-outs", look_at_timeouts),
)


@dataclass
class Report:
    """What came of a visit. ``unseen``: what could not be looked at, and why."""

    looked: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unseen: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 all is well, 1 something was found, 2 nothing was found and not everything could be looked at."""
        if any(finding.fails for finding in self.findings):
            return 1
        return 2 if self.unseen else 0


def visit(subject: Subject, *, skipped: Collection[str] = (), tell: Callable[[str], None] = lambda _: None) -> Report:
    """Look at everything. ``skipped``: ids of findings that are not to be told; ``tell`` hears of progress."""
    report = Report()
    for look in LOOKS:
        tell(f"looking at {look.at}")
        _take(report, look, subject, skipped)
    report.findings.sort(key=lambda finding: _RANK[finding.row.severity])
    return report


def _take(report: Report, look: Look, subject: Subject, skipped: Collection[str]) -> None:
    try:
        for finding in look.run(subject):
            if finding.row.id not in skipped:
                report.findings.append(finding)
    except RouterError as error:
        report.unseen[look.at] = error.detail
    except Exception as error:  # an installation so odd that a look fails at it must not hide the rest
        report.unseen[look.at] = f"this look failed ({type(error).__name__})"
    else:
        report.looked.append(look.at)


_RANK = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True)
class Change:
    """What is to be set at the workspace: the settings as they are, and as they would be."""

    before: WorkspaceSettings
    callback_url: str | None
    events_filter: str | None

    @property
    def lines(self) -> Iterator[str]:
        """Before and after, for a person."""
        for name, before, after in (
            ("event callback URL", self.before.callback_url, self.callback_url),
            ("event filter", self.before.events_filter, self.events_filter),
        ):
            if after is not None:
                yield f"{name} of the workspace {self.before.name!r}"
                yield f"  before: {before or '(nothing)'}"
                yield f"  after:  {after}"


def wanted_change(subject: Subject, findings: Iterable[Finding]) -> Change | None:
    """What ``--fix`` would set; None if nothing that was found can be set. Raises a Twilio fault."""
    ids = {finding.row.id for finding in findings if finding.row.fixable}
    if not ids:
        return None
    workspace = subject.account.workspace()
    url = subject.events_url if any(one.startswith("callback.") for one in ids) else None
    return Change(workspace, url, filter_with_ours(workspace) if "filter.incomplete" in ids else None)


def carry_out(subject: Subject, change: Change) -> None:
    """Set it. Raises a Twilio fault."""
    subject.account.send_events(callback_url=change.callback_url, events_filter=change.events_filter)
