"""Bytes → plain values, strictly: JSON and forms that two readers could take for two different things are refused.

Pure. What the fields mean is not known here. No text of an error repeats
anything of the body: it says where, and what is allowed.
"""

import codecs
import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import NoReturn

from service.errors import BadRequestError, UnsupportedMediaTypeError
from service.intake.forms import Pairs, form_pairs

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MOST_NESTED = 20
MOST_FIELDS = 200
MOST_DIGITS = 40

_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s;"']*)""", re.IGNORECASE)
_ESCAPE_HINT = "text put into it must be escaped, in Studio with to_json"


def media_type_of(content_type: str | None, allowed: Sequence[str]) -> str:
    """The media type without its parameters. Raises UnsupportedMediaTypeError if it, or its charset, is not read here.

    Studio sends ``application/json;charset=utf-8``, so only the type itself is compared.
    """
    text = content_type or ""
    media_type = text.split(";")[0].strip().lower()
    if media_type not in allowed:
        raise UnsupportedMediaTypeError(f"Content-Type must be {' or '.join(allowed)}")
    charset = _CHARSET.search(text)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaTypeError("the charset must be utf-8")
    return media_type


def read_json(body: bytes) -> object:
    """The JSON value of a body. Raises BadRequestError; see ``parse_json`` for what is refused."""
    try:
        return parse_json(_text(body))
    except ValueError as error:
        raise BadRequestError(f"The body {error}") from None


def read_json_object(body: bytes) -> dict[str, object]:
    """The JSON object of a body, of at most MOST_FIELDS fields. Raises BadRequestError."""
    data = read_json(body)
    if not isinstance(data, dict):
        raise BadRequestError("The body must be a JSON object")
    if len(data) > MOST_FIELDS:
        raise BadRequestError(f"The body has more than {MOST_FIELDS} fields")
    return data


def read_form(body: bytes) -> list[tuple[str, str]]:
    """Names and values of a form, in the order sent, empty values kept. Raises BadRequestError."""
    pairs = form_pairs(body)
    check_pairs(pairs)
    return [(name.decode(), value.decode()) for name, value in pairs]


def check_pairs(pairs: Pairs) -> None:
    """Raise BadRequestError for a form with no field, with too many, or with anything that is not UTF-8."""
    if not pairs:
        raise BadRequestError("The body is empty")
    if len(pairs) > MOST_FIELDS:
        raise BadRequestError(f"The body has more than {MOST_FIELDS} fields")
    try:
        b"\n".join([text for pair in pairs for text in pair]).decode()
    except UnicodeDecodeError:
        raise BadRequestError("The body is not a form in UTF-8") from None


def parse_json(text: str) -> object:
    """As ``json.loads``, but raises ValueError on everything that readers take differently, with a text that is safe
    to show: names given twice, NaN and Infinity, numbers too large, halves of surrogate pairs, deep nesting.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_short,
        )
        _check_depth(value)
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"is not valid JSON at {where} ({_ESCAPE_HINT})") from None
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair, which is no character") from None
    except RecursionError:
        raise ValueError(f"is nested more than {MOST_NESTED} deep") from None
    return value


def parse_loosely(text: object) -> dict[str, object]:
    """The JSON object in a text that others wrote (task attributes of an event); empty where it is none."""
    try:
        value = _LOOSE.decode(text) if isinstance(text, str) else text
        if value is text or "\\u" in str(text):  # only an escape can be half of a surrogate pair
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(body: bytes) -> str:
    if not body.strip():
        raise ValueError("is empty")
    if body.startswith(codecs.BOM_UTF8):
        raise ValueError("begins with a byte order mark; leave it out")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 at byte {error.start}") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("has an object in which a name is given twice")
    return made


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("holds NaN or Infinity, which JSON has not")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("holds a number too large to keep")
    return number


def _short(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"holds a number of more than {MOST_DIGITS} digits")
    return int(text)


def _check_depth(value: object) -> None:
    level = _containers([value])
    for _ in range(MOST_NESTED):
        level = [inner for item in level for inner in _containers(item.values() if isinstance(item, dict) else item)]
        if not level:
            return
    raise ValueError(f"is nested more than {MOST_NESTED} deep")


_LOOSE = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def _containers(values: Iterable[object]) -> list[dict[str, object] | list[object]]:
    return [value for value in values if isinstance(value, dict | list)]
