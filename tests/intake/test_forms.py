"""A form is read as urllib reads it, however its escapes lie beside each other."""

from urllib.parse import unquote_to_bytes, urlencode

from hypothesis import example, given
from hypothesis import strategies as st

from service.intake.forms import Pairs, form_pairs

PIECES = st.sampled_from(
    ["%", "%2", "%22", "%25", "%252B", "%2B", "%2b", "%3A", "%3a", "%5C", "%20", "%26", "%3D", "%32", "%G1", "+", "&",
     "=", "a", "2", "B", "%FF", "%C3%A9", "%0A", "\n", "%\r\n", "%="]
)  # fmt: skip
BODIES = st.lists(PIECES, max_size=60).map("".join)


def as_urllib_does(body: bytes) -> Pairs:
    pairs = [pair.partition(b"=") for pair in body.split(b"&") if pair]
    plain = [[unquote_to_bytes(text.replace(b"+", b" ")) for text in (name, value)] for name, _, value in pairs]
    return [(name, value) for name, value in plain]


@given(BODIES)
@example("%2%32=1&" + "%22" * 20)
@example("%25" * 20 + "2B")
@example("%22" * 20 + "%")
@example("%22" * 20 + "%\n22")
@example("%22" * 20 + "%%")
def test_pairs_are_those_of_urllib(text: str) -> None:
    assert form_pairs(text.encode()) == as_urllib_does(text.encode())


@given(BODIES)
def test_body_with_many_escapes_is_read_alike(text: str) -> None:
    body = (text + "&x=" + "%22%2B%25" * 9).encode()
    assert form_pairs(body) == as_urllib_does(body)


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_what_is_encoded_is_read_again(fields: list[tuple[str, str]]) -> None:
    named = [(name, value) for name, value in fields if name or value]
    sent = urlencode(named).encode()
    assert form_pairs(sent) == [(name.encode(), value.encode()) for name, value in named]
