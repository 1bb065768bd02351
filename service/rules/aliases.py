"""The names of one environment: what the rules write, and what that workspace calls it. One rules file then serves all.

``config/aliases.test.yaml``: for each kind of name (workflows, queues, workers, task_channels, activities) the name or
SID in the workspace, by the name in the rules. An alias goes before a name that the workspace has of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from service.rules.checking import Shape, checked
from service.rules.document import Tree, read_document
from service.rules.faults import Fault, RulesError, Source, source_of
from service.rules.resolve import (
    ACTIVITY,
    QUEUE,
    TASK_CHANNEL,
    WORKER,
    WORKFLOW,
    Directory,
    TargetKind,
    missing,
    targets_in,
)
from service.rules.ruleset import Named, RuleSet
from service.rules.shape import Named as NamedText

SECTIONS: Mapping[str, TargetKind] = {
    "workflows": WORKFLOW,
    "queues": QUEUE,
    "workers": WORKER,
    "task_channels": TASK_CHANNEL,
    "activities": ACTIVITY,
}
_HELP = "the name or SID in the workspace, by the name in the rules"


class AliasesShape(Shape):
    """A whole alias file."""

    version: Literal[1] = Field(description="1")
    workflows: dict[str, NamedText] = Field(default_factory=dict, description=_HELP)
    queues: dict[str, NamedText] = Field(default_factory=dict, description=_HELP)
    workers: dict[str, NamedText] = Field(default_factory=dict, description=_HELP)
    task_channels: dict[str, NamedText] = Field(default_factory=dict, description=_HELP)
    activities: dict[str, NamedText] = Field(default_factory=dict, description=_HELP)


@dataclass(frozen=True)
class Aliases:
    """An alias file: for each section the workspace's names by ours, each with the place of the workspace's."""

    sections: Mapping[str, Mapping[str, Named]]
    source: Source


def parse_aliases(text: str, *, file: str = "aliases.yaml") -> Aliases:
    """The aliases written in ``text``. Raises ``RulesError`` with all faults."""
    source = source_of(text.removeprefix("\ufeff"), file)
    found: list[Fault] = []
    tree = read_document(source, found)
    if tree is None or checked(AliasesShape, tree, source, found) is None or found:
        raise RulesError(found)
    sections = {section: tree.children[section] for section in SECTIONS if section in tree.children}
    return Aliases({section: _named(part) for section, part in sections.items()}, source)


def _named(tree: Tree) -> Mapping[str, Named]:
    return {str(name): Named(str(item.value), item.place) for name, item in tree.children.items()}


def with_aliases(directory: Directory, aliases: Aliases) -> Directory:
    """The directory in which the rules' names stand for what the aliases say; those that lead nowhere are left out."""
    kinds = {section: directory.names(kind) for section, kind in SECTIONS.items()}
    for section, kind in SECTIONS.items():
        named = {name: directory.sid_of(kind, there.text) for name, there in aliases.sections.get(section, {}).items()}
        aliased = {name: sid for name, sid in named.items() if sid is not None}
        own = {name: sid for name, sid in kinds[section].items() if name not in aliased}
        kinds[section] = {**own, **aliased}  # in this order: see Directory.activity
    return Directory(**kinds)


def unknown_aliases(aliases: Aliases, directory: Directory) -> tuple[Fault, ...]:
    """A fault for every alias of something that the workspace, whose own directory this is, does not have."""
    return tuple(
        aliases.source.fault(there.place, missing(SECTIONS[section], there.text, directory))
        for section, names in aliases.sections.items()
        for there in names.values()
        if directory.sid_of(SECTIONS[section], there.text) is None
    )


def unused_aliases(aliases: Aliases, ruleset: RuleSet) -> tuple[Fault, ...]:
    """A fault for every alias of a name that the rules do not write: nearly always one that is misspelled."""
    written = {(kind, named.text) for kind, named in targets_in(ruleset)}
    return tuple(
        aliases.source.fault(there.place, f"the rules name no {kind.word} {name!r}: this alias is for nothing")
        for section, kind in SECTIONS.items()
        for name, there in aliases.sections.get(section, {}).items()
        if (kind, name) not in written
    )
