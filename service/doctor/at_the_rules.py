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
    directory = with_aliases(workspace, aliases) if aliases else workspace
    unknown = [*unresolved(ruleset, directory)]
    if aliases:
        unknown += [*unknown_aliases(aliases, workspace), *unused_aliases(aliases, ruleset)]
    for fault in unknown:
        yield found("rules.names", str(fault))
    unclear = {(fault.file, fault.line) for fault in unknown}  # where nothing could be caught yet
    for fault in _workflow_faults(subject, ruleset, directory):
        if (fault.file, fault.line) not in unclear:
            at_a_route = fault.file == subject.settings.rules_file.name  # the others are within a workflow
            yield found("workflows.uncaught" if at_a_route else "workflows.traps", str(fault))


def _read(subject: Subject) -> tuple[RuleSet, Aliases | None]:
    """Raises RulesError."""
    path = subject.settings.rules_aliases
    ruleset = read_rules(subject.settings.rules_file)
    return ruleset, parse_aliases(read_text(path), file=path.name) if path else None


def _workflow_faults(subject: Subject, ruleset: RuleSet, directory: Directory) -> tuple[Fault, ...]:
    try:
        return lint_workspace(ruleset, subject.parts.taskrouter.workflows(), directory)
    except ValueError as error:  # a configuration that nobody can read
        return (Fault("workflows", 1, 1, str(error)),)
