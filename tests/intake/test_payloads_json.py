"""Reading bytes: one meaning or none, and never anything of the body in what is said about it."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BadRequestError, UnsupportedMediaTypeError
from service.intake.payloads_json import (
    FORM,
    JSON,
    MOST_FIELDS,
    MOST_NESTED,
    media_type_of,
    parse_json,
    parse_loosely,
    read_form,
    read_json,
    read_json_object,
)

scalars = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(codec="utf-8"), max_size=10)
documents = st.recursive(
    scalars | texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)


@given(value=documents)
def test_ordinary_json_is_read_whole(value: object) -> None:
    assert parse_json(json.dumps(value)) == value


@given(body=st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for read in (read_json, read_json_object, read_form):
        with suppress(BadRequestError):
            read(body)


@given(value=st.text() | documents)
def test_loose_reading_never_raises(value: object) -> None:
    assert isinstance(parse_loosely(value), dict)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"a": "é"}'.encode("latin-1"), "not UTF-8 at byte 7"),
        ("{}".encode("utf-16"), "not UTF-8 at byte 0"),
        ('{"a": 1}'.encode("utf-16-le"), "not valid JSON"),
        (b'{"a": 1,}', "not valid JSON at line 1, column 9"),
        (b'{"a": "x\ny"}', "not valid JSON at line 1, column 9"),
        (b"{'a': 1}", "not valid JSON"),
        (b'{"a": 1} {}', "not valid JSON"),
        (b'{"a": 1, "a": 1}', "given twice"),
        (b'{"b": [{"a": 1, "\\u0061": 2}]}', "given twice"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": [-Infinity]}', "NaN or Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": %s}' % (b"9" * 41), "more than 40 digits"),
        (b'{"a": %s}' % (b"9" * 9999), "more than 40 digits"),
        (b'{"a": "\\ud83d"}', "surrogate"),
        (b'{"\\udc00": 1}', "surrogate"),
        (b'{"a": %s}' % (b"[" * MOST_NESTED + b"]" * MOST_NESTED), "deep"),
        (b'{"a": %s}' % (b"[" * 50_000 + b"]" * 50_000), "deep"),
        (b"[" * 100_000, "deep"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (json.dumps(dict.fromkeys(map(str, range(MOST_FIELDS + 1)))).encode(), f"more than {MOST_FIELDS} fields"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_ambiguous_json_is_refused(body: bytes, told: str) -> None:
    with pytest.raises(BadRequestError, match=told):
        read_json_object(body)


def test_nesting_at_the_limit_is_read() -> None:
    depth = MOST_NESTED - 1

    assert read_json_object(b'{"a": %s}' % (b"[" * depth + b"]" * depth))


def test_escaped_pair_is_one_character() -> None:
    assert read_json_object(b'{"a": "\\ud83d\\ude42"}') == {"a": "🙂"}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "null", '"x"', '{"a": NaN}', '{"a": "\\ud800"}', '{"a":' * 9999, None, 5, b"{}", {"a": b""}],
    ids=lambda value: repr(value)[:20],
)
def test_loose_reading_falls_back_to_nothing(text: object) -> None:
    assert parse_loosely(text) == {}


def test_loose_reading_takes_repeated_names() -> None:
    assert parse_loosely('{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize(
    ("body", "pairs"),
    [
        (b"a=1&b=2", [("a", "1"), ("b", "2")]),
        (b"a=1&a=", [("a", "1"), ("a", "")]),
        (b"a", [("a", "")]),
        (b"&&a=1&", [("a", "1")]),
        (b"a=x+y%20z%2B", [("a", "x y z+")]),
        (b"a=b=c", [("a", "b=c")]),
        (b"a=100%&b=%zz", [("a", "100%"), ("b", "%zz")]),
        (b"a=1;b=2", [("a", "1;b=2")]),
        ("é=ö".encode(), [("é", "ö")]),
    ],
    ids=repr,
)
def test_form_is_read_as_browsers_send_it(body: bytes, pairs: list[tuple[str, str]]) -> None:
    assert read_form(body) == pairs


@pytest.mark.parametrize(
    ("body", "told"),
    [(b"", "empty"), (b"&", "empty"), (b"a=%ff", "UTF-8"), (b"\xff", "UTF-8"), (b"a=1&" * 201, "fields")],
    ids=["empty", "separators", "escaped bytes", "raw bytes", "too many"],
)
def test_unreadable_form_is_refused(body: bytes, told: str) -> None:
    with pytest.raises(BadRequestError, match=told):
        read_form(body)


@pytest.mark.parametrize(
    ("content_type", "media_type"),
    [
        ("application/json", JSON),
        ("application/json;charset=utf-8", JSON),
        ('Application/JSON ; Charset="UTF-8"', JSON),
        ("application/x-www-form-urlencoded;charset=utf-8", FORM),
        ("application/json; charset=us-ascii; x=y", JSON),
    ],
)
def test_only_the_media_type_counts(content_type: str, media_type: str) -> None:
    assert media_type_of(content_type, (JSON, FORM)) == media_type


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/jsonp",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "application/json; charset='utf-16'",
        "application/json, text/plain",
    ],
)
def test_other_media_types_are_refused(content_type: str | None) -> None:
    with pytest.raises(UnsupportedMediaTypeError):
        media_type_of(content_type, (JSON, FORM))
