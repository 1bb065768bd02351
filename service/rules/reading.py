"""The text of a rules file into a RuleSet, or into every fault it has at once.

Here is what the parts mean together: conditions against the facts there are, names that must be unique, rules that are
never reached. The structure of single parts is in ``shape``, what a route may say in ``routes``.
"""

import hashlib
import re

from service.model import NOTHING, RELEASES
from service.rules.checking import checked, unknown_key
from service.rules.conditions import Context, asked_queues, named_activities, read_condition
from service.rules.document import Tree, read_document
from service.rules.expression import MAX_LIST
from service.rules.faults import Fault, Place, RulesError, Source, source_of
from service.rules.hours import read_calendars
from service.rules.routes import read_step, read_steps, seconds_in
from service.rules.ruleset import Named, Rule, RuleSet
from service.rules.shape import (
    MAX_RULES,
    DefaultShape,
    FileShape,
    HeadShape,
    RouteShape,
    RuleShape,
)
from service.rules.vocabulary import Vocabulary

FACT_NAME = re.compile(r"attributes(\.[A-Za-z_][A-Za-z0-9_]*)+")
LIST_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def parse_rules(text: str, *, file: str = "rules.yaml") -> RuleSet:
    """The rules written in ``text``; ``file`` is the name that faults carry. Raises ``RulesError`` with all of them."""
    source = source_of(text.removeprefix("\ufeff"), file)
    found: list[Fault] = []
    tree = read_document(source, found)
    if tree is None:
        raise RulesError(found)
    ruleset = _ruleset(tree, source, found, hashlib.sha256(text.encode()).hexdigest())
    if found or ruleset is None:
        raise RulesError(found)
    return ruleset


def _ruleset(tree: Tree, source: Source, found: list[Fault], sha256: str) -> RuleSet | None:
    if not isinstance(tree.value, dict):
        found.append(source.fault(tree.place, "a rules file begins with keys such as version, rules and default"))
        return None
    _head(tree, source, found)
    context = _context(tree, source, found)
    rules = _rules(tree, context)
    default = _default(tree, context)
    return RuleSet(tuple(rules), default, sha256, context.via, context.calendars, source) if default else None


def _head(tree: Tree, source: Source, found: list[Fault]) -> None:
    for key, place in tree.keys.items():
        if key not in FileShape.model_fields:
            found.append(source.fault(place, unknown_key(key, FileShape.model_fields)))
    kept: dict[str | int, Tree] = {key: child for key, child in tree.children.items() if key in HeadShape.model_fields}
    values = {str(key): child.value for key, child in kept.items()}
    checked(HeadShape, Tree(values, tree.place, tree.keys, kept), source, found)
    _fact_names(tree.children.get("facts"), source, found)
    _list_names(tree.children.get("lists"), source, found)


def _fact_names(facts: Tree | None, source: Source, found: list[Fault]) -> None:
    for name, place in facts.keys.items() if facts else ():
        if not FACT_NAME.fullmatch(name):
            message = "a fact is declared as attributes.NAME, out of letters, digits and underscores"
            found.append(source.fault(place, message))


def _list_names(lists: Tree | None, source: Source, found: list[Fault]) -> None:
    for name, place in lists.keys.items() if lists else ():
        if not LIST_NAME.fullmatch(name):
            found.append(source.fault(place, "a list's name consists of letters, digits and underscores"))
        elif lists and len(lists.children[name].children) > MAX_LIST:
            found.append(source.fault(place, f"a list may have {MAX_LIST} values at most"))


def _context(tree: Tree, source: Source, found: list[Fault]) -> Context:
    """Facts, lists and via as far as they can be read, so that one fault in them does not hide or cause others."""
    facts, lists, calendars, via = (tree.children.get(key) for key in ("facts", "lists", "calendars", "via"))
    declared = {str(name): str(child.value) for name, child in facts.children.items()} if facts and facts.keys else None
    constants = {str(name): _values(child) for name, child in (lists.children if lists else {}).items()}
    named = Named(via.value, via.place) if via and isinstance(via.value, str) else None
    hours = read_calendars(calendars, source, found) if calendars else {}
    vocabulary = Vocabulary(declared, tuple(calendars.keys) if calendars else ())
    return Context(source, found, vocabulary, constants, hours, named)


def _values(tree: Tree) -> tuple[object, ...]:
    return tuple(child.value for child in tree.children.values())


def _is_list(tree: Tree) -> bool:
    return isinstance(tree.value, list)


def _rules(tree: Tree, context: Context) -> list[Rule]:
    listed = tree.children.get("rules")
    if listed is None:
        return []
    if not _is_list(listed) or len(listed.children) > MAX_RULES:
        context.fault(listed.place, f"rules must be a list of up to {MAX_RULES} rules")
        return []
    rules = [_rule(item, context) for item in listed.children.values()]
    _names(list(listed.children.values()), context)
    _reachable(rules, list(listed.children.values()), context)
    return [rule for rule in rules if rule]


def _names(items: list[Tree], context: Context) -> None:
    """Names are what logs, answers and traces know a rule by."""
    lines: dict[str, int] = {"default": 0}
    for named in (item.children["name"] for item in items if "name" in item.children):
        if not isinstance(named.value, str):
            continue
        if named.value in lines:
            where = f"by the rule in line {lines[named.value]}" if lines[named.value] else "by the default route"
            context.fault(named.place, f"the name {named.value!r} is already taken {where}")
        lines.setdefault(named.value, named.place.line)


def _reachable(rules: list[Rule | None], items: list[Tree], context: Context) -> None:
    for number, rule in enumerate(rules[:-1]):
        if rule and all(not part.names and part.matches(NOTHING) for part in rule.conditions):
            place = items[number + 1].place
            message = f"this rule is never reached: {rule.name!r} above it always matches"
            context.fault(Place(place.line, place.column), message)
            return


def _rule(item: Tree, context: Context) -> Rule | None:
    """The rule, or None; condition and routes are looked at even where something else in the rule is wrong."""
    shape = checked(RuleShape, item, context.source, context.found)
    before = len(context.found)
    when = read_condition(item.children.get("when"), context)
    steps = read_steps(item, shape, context)
    give_up_s = seconds_in(item, "give_up_after", context) if shape else None
    if shape is None or len(context.found) > before:
        return None
    return Rule(
        shape.name,
        when,
        steps,
        on_lapse=shape.on_lapse,
        farewell=shape.farewell,
        release=RELEASES.get(shape.release or ""),
        percent=shape.percent,
        give_up_s=give_up_s,
        asks=asked_queues([when]),
        activities=named_activities([when]),
        place=item.children["name"].place,
    )


def _default(tree: Tree, context: Context) -> Rule | None:
    item = tree.children.get("default")
    if item is None:
        context.fault(Place(), "default is missing; it must say where everything goes that no rule matches")
        return None
    if "route" not in item.children:
        step = read_step(item, context) if checked(RouteShape, item, context.source, context.found) else None
        return Rule("default", None, (step,), place=tree.keys["default"]) if step else None
    shape = checked(DefaultShape, item, context.source, context.found)
    steps = read_steps(item, shape, context)
    if shape is None or not steps:
        return None
    return Rule(
        "default",
        None,
        steps,
        on_lapse=shape.on_lapse,
        farewell=shape.farewell,
        release=RELEASES.get(shape.release or ""),
        give_up_s=seconds_in(item, "give_up_after", context),
        place=tree.keys["default"],
    )
