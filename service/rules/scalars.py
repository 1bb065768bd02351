"""Where in the file each character of a YAML scalar stands, so that a fault inside a condition can be pointed at.

YAML changes only three things between the written and the read text: escapes in double quotes, the doubled single
quote, and white space (folding, indentation, the breaks of blocks). So the two are walked side by side. Characters
other than white space are placed exactly; white space that folding made up is placed at the break it was made from.
"""

import re

ESCAPE = re.compile(r"\\(?:x..|u.{4}|U.{8}|[^\n\r])", re.DOTALL)
SPACE = " \t\r\n"


def places_in(source: str, start: int, end: int, value: str, style: str) -> tuple[int, ...]:
    """The offset in ``source`` of each character of ``value``, and after them the offset just behind the last.

    ``start`` and ``end`` enclose the scalar as it is written, quotes and block header included; ``style`` is its quote,
    ``|``, ``>``, or empty for a plain one.
    """
    at = _content(source, start, end, style)
    places: list[int] = []
    behind = at
    for character in value:
        at = _found(source, at, end, character, style)
        places.append(at)
        at = behind = at + _written(source, at, character, style)
    return (*places, behind)


def _content(source: str, start: int, end: int, style: str) -> int:
    if style in ("|", ">") and style:
        header = source.find("\n", start, end)
        return end if header < 0 else header + 1
    return start + len(style)


def _found(source: str, at: int, end: int, character: str, style: str) -> int:
    """The next place, from ``at``, where ``character`` can have been written: white space is passed over for others."""
    passing = "" if character in SPACE else SPACE
    while at < end and (source[at] in passing or _continued(source, at, style)):
        if source[at] == "\\":
            at, passing = at + 1, SPACE  # an escaped line break swallows the white space around it
        at += 1
    return at


def _continued(source: str, at: int, style: str) -> bool:
    return style == '"' and source[at] == "\\" and source[at + 1] in "\r\n"


def _written(source: str, at: int, character: str, style: str) -> int:
    """How many characters of the source one character of the value took."""
    if style == "'" and character == "'":
        return 2
    if style == '"' and source[at] == "\\":
        escape = ESCAPE.match(source, at)
        return len(escape.group()) if escape else 1
    if character in SPACE and source[at : at + 1] != character:
        return 0  # folding made it; what it was made from is passed over with the next character
    return 1
