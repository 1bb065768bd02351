"""YAML text into plain values that know where they stand. Nothing in here knows what a rule is.

PyYAML's C parser composes the nodes; the values are made here, because its own loader reads ``no`` as a boolean and
``17:00`` as 1020 and keeps the last of two equal keys. Plain ``true``, ``false``, ``null`` and decimal numbers mean
themselves, every other scalar is text. Anchors, aliases and tags are refused: no file can grow when it is read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import yaml

from service.rules.faults import Fault, Place, Source
from service.rules.scalars import places_in

MAX_NESTING = 20
MAX_VALUES = 40_000  # keys count, too

WHOLE = re.compile(r"[-+]?(0|[1-9]\d{0,17})")
DECIMAL = re.compile(r"[-+]?\d{1,17}\.\d{1,17}")
WORDS: Mapping[str, bool | None] = {
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
    "null": None, "Null": None, "NULL": None, "~": None, "": None,
}  # fmt: skip
HINTS = {
    "could not find expected ':'": "a colon is missing, or the indentation is wrong",
    "mapping values are not allowed in this context": "a colon is not allowed here; put the text in quotes, "
    "or correct the indentation",
    "did not find expected key": "this does not belong here: the indentation is wrong, or a text that begins with a "
    "quote or bracket goes on after it (put the whole text on lines of their own after >-)",
    "did not find expected '-' indicator": "a list item beginning with - is expected here; look at the indentation",
    "did not find expected node content": "a value is expected here",
    "did not find expected ',' or ']'": "a comma or ] is missing; a text with [ ] { } or , in it needs quotes",
    "did not find expected ',' or '}'": "a comma or } is missing; a text with [ ] { } or , in it needs quotes",
    "found unexpected end of stream": "a quote is not closed before the end of the file",
    "found character that cannot start any token": "this character cannot begin a value; put the text in quotes "
    "(and indent with spaces, never with tabs)",
}

MANY = f"a file may have {MAX_VALUES} keys and values at most, and has more from here on"


@dataclass(frozen=True)
class Tree:
    """A value and where it stands. ``keys`` and ``children`` are empty for scalars."""

    value: object
    place: Place
    keys: Mapping[str, Place] = field(default_factory=dict)
    children: "Mapping[str | int, Tree]" = field(default_factory=dict)
    text: str | None = None  # of a scalar, before it was taken for a number, boolean or null
    written: tuple[int, int, str] = (0, 0, "")  # of a scalar: where in the source it begins and ends, and its quote

    def within(self, source: Source, position: int, length: int) -> Place:
        """The place of ``length`` characters from ``position`` of a scalar's text, whatever its quoting or folding."""
        start, end, style = self.written
        offsets = places_in(source.text, start, end, self.text or "", style)
        last = offsets[min(position + length, len(offsets) - 1) - 1] if length else 0
        start = offsets[min(position, len(offsets) - 1)]
        return source.place(start, max(1, last - start + 1))


def read_document(source: Source, found: list[Fault]) -> Tree | None:
    """The one document of ``source``, or None with the reasons added to ``found``. Duplicate keys are left out."""
    try:
        if _refused(source, found):
            return None
        node = yaml.compose(source.text, Loader=yaml.CLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        found.append(source.fault(source.place(mark.index if mark else 0), _told(error)))
        return None
    except (yaml.reader.ReaderError, UnicodeEncodeError) as error:
        at = error.position if isinstance(error, yaml.reader.ReaderError) else error.start
        found.append(source.fault(source.place(at), "this character is not allowed in a YAML file"))
        return None
    if node is None:
        found.append(source.fault(Place(), "the file is empty"))
        return None
    return _built(node, source, found)


def _told(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "the YAML cannot be read"
    return HINTS.get(problem, problem)


def _refused(source: Source, found: list[Fault]) -> bool:
    """Looks through the events, which cost no recursion, for what must not be composed at all."""
    depth = documents = values = 0
    for event in yaml.parse(source.text, Loader=yaml.CLoader):
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        values += isinstance(event, yaml.NodeEvent)
        reason = _reason(event, depth, documents) or (MANY if values > MAX_VALUES else "")
        if reason:
            mark = cast(yaml.Mark, event.start_mark)
            found.append(source.fault(source.place(mark.index), reason))
            return True
    return False


def _reason(event: yaml.Event, depth: int, documents: int) -> str:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        return "anchors (&) and aliases (*) are not supported; write the value out, or put the text in quotes"
    if getattr(event, "tag", None):
        return "tags (!) are not supported; put the text in quotes"
    if depth > MAX_NESTING:
        return f"values may go {MAX_NESTING} levels deep at most"
    return "a rules file is one document; --- may not come a second time" if documents > 1 else ""


def _built(node: yaml.Node, source: Source, found: list[Fault]) -> Tree:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, source, found)
    place = source.place(node.start_mark.index, node.end_mark.index - node.start_mark.index)
    if isinstance(node, yaml.SequenceNode):
        items = [_built(item, source, found) for item in node.value]
        return Tree([item.value for item in items], place, children=dict(enumerate(items)))
    scalar = cast(yaml.ScalarNode, node)
    value = scalar.value if scalar.style else _plain(scalar.value)
    written = (scalar.start_mark.index, scalar.end_mark.index, scalar.style or "")
    return Tree(value, place, text=scalar.value, written=written)


def _mapping(node: yaml.MappingNode, source: Source, found: list[Fault]) -> Tree:
    keys: dict[str, Place] = {}
    children: dict[str | int, Tree] = {}
    for key, value in node.value:
        place = source.place(key.start_mark.index, key.end_mark.index - key.start_mark.index)
        if not isinstance(key, yaml.ScalarNode):
            found.append(source.fault(place, "a key must be a plain text"))
        elif key.value in keys:
            message = f"{key.value!r} is already given in line {keys[key.value].line}; a key may come only once"
            found.append(source.fault(place, message))
        else:
            keys[key.value] = place
            children[key.value] = _built(value, source, found)
    place = source.place(node.start_mark.index, node.end_mark.index - node.start_mark.index)
    return Tree({key: child.value for key, child in children.items()}, place, keys, children)


def _plain(text: str) -> object:
    if text in WORDS:
        return WORDS[text]
    if WHOLE.fullmatch(text):
        return int(text)
    return float(text) if DECIMAL.fullmatch(text) else text
