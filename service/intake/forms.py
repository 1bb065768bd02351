"""A form's names and values, in bytes, as they were before they were encoded. Pure; standard library only.

Every event is such a form, and both its signature and its meaning are read from it, so what this costs counts.
"""

from binascii import a2b_qp
from urllib.parse import unquote_to_bytes

Pairs = list[tuple[bytes, bytes]]

MANY = 8  # escapes in one text


def form_pairs(body: bytes) -> Pairs:
    """Names and values in the order sent; empty values are kept, empty pairs are none. Never raises."""
    pairs = [pair.partition(b"=") for pair in body.replace(b"+", b" ").split(b"&") if pair]
    if b"%" not in body:
        return [(name, value) for name, _, value in pairs]
    return [
        (_plain(name) if b"%" in name else name, _plain(value) if b"%" in value else value) for name, _, value in pairs
    ]


def _plain(text: bytes) -> bytes:
    """``text`` without its escapes. Quoted-printable's are the same but for the sign, and undone ten times as fast: a
    task's attributes are JSON, of which a third is escapes.

    It treats line ends, and escapes that are none, in ways of its own. So there must be no line end, and each escape
    must have made the text two bytes shorter.
    """
    escapes = text.count(b"%")
    if escapes > MANY and not (b"=" in text or b"\n" in text or b"\r" in text):
        plain = a2b_qp(text.replace(b"%", b"="))
        if len(plain) == len(text) - 2 * escapes:
            return plain
    return unquote_to_bytes(text)
