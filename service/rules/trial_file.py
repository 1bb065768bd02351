"""The file with a rules file's tests: what each hands in and expects, checked against the rules, faults in their place.

A test may be a table: each of its ``cases`` is laid over it, as it is laid over ``base``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, cast

from pydantic import Field

from service.model import RoutingRequest
from service.rules.checking import Shape, checked
from service.rules.document import Tree, read_document
from service.rules.expression.faults import did_you_mean
from service.rules.faults import Fault, Place, RulesError, Source, source_of
from service.rules.requests import request_of
from service.rules.ruleset import RuleSet

OUTCOME = ("rule", "route", "steps", "on_lapse", "farewell", "release", "give_up_after")
LIVE = ("queues", "last_worker")


class CaseShape(Shape):
    """One case of a test."""

    name: str | None = Field(None, description="what the case shows")
    now: str | None = Field(None, description="the moment at which it happens, with its zone: 2026-11-24T10:00+00:00")
    given: dict[str, Any] | None = Field(None, description="the request, with the fields of the API and kind")
    live: dict[str, Any] | None = Field(None, description="live facts: queues (figures by name) and last_worker")
    in_share: dict[str, bool] | None = Field(None, description="true or false for rules with percent, by rule")
    expect: dict[str, Any] | None = Field(None, description=f"any of {', '.join(OUTCOME)}")
    why_not: dict[str, str] | None = Field(
        None, description="rules that are passed over, and for each a part of the condition that stopped it"
    )


class TrialShape(CaseShape):
    """One test."""

    cases: list[CaseShape] | None = Field(None, min_length=1, description="a list of cases, each laid over the test")


class TrialsShape(Shape):
    """A whole test file."""

    version: Literal[1] = Field(description="1")
    now: str | None = Field(None, description="the moment at which every test happens that names none")
    base: dict[str, Any] | None = Field(None, description="the request that every test is laid over")
    tests: list[TrialShape] = Field(min_length=1, description="a list of tests")
    OWNERS: ClassVar[Mapping[str, type[Shape]]] = {"tests": TrialShape, "cases": CaseShape}
    NULLABLE: ClassVar[frozenset[str]] = frozenset({"base", "given", "live", "expect"})


@dataclass(frozen=True)
class Trial:
    """One case, ready to be tried. ``place`` is where it stands."""

    name: str
    now: datetime
    request: RoutingRequest
    live: Mapping[str, Any]
    in_share: Mapping[str, bool]
    expect: Mapping[str, Any]
    why_not: Mapping[str, str]
    place: Place


def read_trials(text: str, file: str, ruleset: RuleSet) -> tuple[Trial, ...]:
    """Every case in ``text``. Raises ``RulesError`` with all faults."""
    source = source_of(text.removeprefix("\ufeff"), file)
    found: list[Fault] = []
    tree = read_document(source, found)
    shape = checked(TrialsShape, tree, source, found) if tree else None
    if tree is None or shape is None:
        raise RulesError(found)
    reader = _Reader(source, found, tuple(rule.name for rule in (*ruleset.rules, ruleset.default)))
    trials = list(reader.all(tree))
    if found:
        raise RulesError(found)
    return tuple(trials)


@dataclass(frozen=True)
class _Reader:
    """What every case is read with."""

    source: Source
    found: list[Fault]
    rules: tuple[str, ...]

    def all(self, tree: Tree) -> Iterator[Trial]:
        base = _base(tree)
        for number, test in enumerate(tree.children["tests"].children.values(), start=1):
            cases = test.children.get("cases")
            for row, case in enumerate(cases.children.values() if cases else (test,), start=1):
                layers = [base, test, case] if cases else [base, test]
                trial = self.one(layers, _name(test, number) + (f" / {_name(case, row)}" if cases else ""))
                if trial:
                    yield trial

    def one(self, layers: list[Tree], name: str) -> Trial | None:
        values = [layer.value for layer in layers if isinstance(layer.value, dict)]
        whole: Mapping[str, Any] = _laid_over(values)
        before = len(self.found)
        for layer in layers[1:]:
            self.names(layer)
        now, request = self.moment(whole.get("now"), layers), self.request(whole.get("given"), layers[-1])
        expect, why_not = whole.get("expect") or {}, whole.get("why_not") or {}
        if not expect and not why_not:
            self.fault(_start(layers[-1]), "nothing is expected here: give expect or why_not")
        if now is None or request is None or len(self.found) > before:
            return None
        live, in_share = whole.get("live") or {}, whole.get("in_share") or {}
        return Trial(name, now, request, live, in_share, expect, why_not, _start(layers[-1]))

    def fault(self, place: Place, message: str) -> None:
        fault = self.source.fault(place, message)
        if fault not in self.found:  # what all cases of a test share is looked at with each
            self.found.append(fault)

    def names(self, layer: Tree) -> None:
        """Rules, and keys whose form only this file knows."""
        for part in ("why_not", "in_share"):
            for name, place in layer.children[part].keys.items() if part in layer.children else ():
                self.known(name, self.rules, place, "rule")
        for part, known in (("expect", OUTCOME), ("live", LIVE)):
            for name, place in layer.children[part].keys.items() if part in layer.children else ():
                self.known(name, known, place, "key")
        rule = layer.children["expect"].children.get("rule") if "expect" in layer.children else None
        if rule:
            self.known(str(rule.value), self.rules, rule.place, "rule")

    def known(self, name: str, known: tuple[str, ...], place: Place, what: str) -> None:
        if name not in known:
            there = f" (allowed: {', '.join(known)})" if what == "key" else ""
            self.fault(place, f"there is no {what} {name!r}{there}{did_you_mean(name, known)}")

    def moment(self, text: object, layers: list[Tree]) -> datetime | None:
        try:
            moment = datetime.fromisoformat(str(text))
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return moment
        at = next((layer.children["now"].place for layer in reversed(layers) if "now" in layer.children), None)
        message = "now must be a moment with its zone, such as 2026-11-24T10:00+00:00, here or for the whole file"
        self.fault(at or _start(layers[-1]), message)
        return None

    def request(self, body: object, layer: Tree) -> RoutingRequest | None:
        try:
            return request_of(body or {})
        except ValueError as error:
            self.fault(layer.keys.get("given", _start(layer)), f"given: {error}")
            return None


def _base(tree: Tree) -> Tree:
    """What stands above all tests, in the form of a test."""
    named = (("given", "base"), ("now", "now"))
    parts: dict[str | int, Tree] = {key: tree.children[name] for key, name in named if name in tree.children}
    return Tree({key: part.value for key, part in parts.items()}, tree.place, children=parts)


def _name(tree: Tree, number: int) -> str:
    named = tree.children.get("name")
    return str(named.value) if named else str(number)


def _start(tree: Tree) -> Place:
    return Place(tree.place.line, tree.place.column)


def _laid_over(layers: list[dict[str, Any]]) -> dict[str, Any]:
    """Each layer over the ones before it, mappings key by key."""
    whole: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, dict) and isinstance(whole.get(key), dict)
            whole[key] = _laid_over([cast("dict[str, Any]", whole[key]), value]) if both else value
    return whole
