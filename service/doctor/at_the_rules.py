"""Looks at the rules file: can it be used here, does the workspace have its names, would its routes be caught?"""

from collections.abc import Iterator

from service.doctor.findings import Finding, found
from service.doctor.subject import Subject
from service.rules.aliases import Aliases, parse_aliases, unknown_aliases, unused_aliases, with_aliases
from service.rules.faults import Fault, RulesError
from service.rules.lint_workspace import lint_workspace
from service.rules.loading import read_rules, read_text
from service.rules.resolve import Directory, unresolved
from service.rules.ruleset import RuleSet


def look_at_rules(subject: Subject) -> Iterator[Finding]:
    """The file by itself, then with the names of the workspace, then against the filters of its workflows."""
    try:
        ruleset, aliases = _read(subject)
    except RulesError as error:
        for fault in error.faults:
            yield found("rules.unreadable", str(fault))
        return
    workspace = Directory(**subject.parts.taskrouter.names())
    unknown = [*unresolved(ruleset, with_aliases(workspace, aliases) if aliases else workspace)]
    if aliases:
        unknown += [*unknown_aliases(aliases, workspace), *unused_aliases(aliases, ruleset)]
    for fault in unknown:
        yield found("rules.names", str(fault))
    yield from _workflows(subject, ruleset, with_aliases(workspace, aliases) if aliases else workspace)


def _read(subject: Subject) -> tuple[RuleSet, Aliases | None]:
    """Raises RulesError."""
    path = subject.settings.rules_aliases
    ruleset = read_rules(subject.settings.rules_file)
    return ruleset, parse_aliases(read_text(path), file=path.name) if path else None


def _workflows(subject: Subject, ruleset: RuleSet, directory: Directory) -> Iterator[Finding]:
    try:
        faults = lint_workspace(ruleset, subject.parts.taskrouter.workflows(), directory)
    except ValueError as error:
        yield found("workflows.traps", str(error))
        return
    for fault in faults:
        yield found("workflows.uncaught" if _is_at_a_route(fault, subject) else "workflows.traps", str(fault))


def _is_at_a_route(fault: Fault, subject: Subject) -> bool:
    """True if it points into the rules file; the others point into a workflow."""
    return fault.file == subject.settings.rules_file.name
