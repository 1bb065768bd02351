"""A form's names and values, in bytes, as they were before they were encoded. Pure; standard library only.

Every event is such a form, and both its signature and its meaning are read from it, so what this costs counts.
"""

from urllib.parse import unquote_to_bytes

Pairs = list[tuple[bytes, bytes]]


def form_pairs(body: bytes) -> Pairs:
    """Names and values in the order sent; empty values are kept, empty pairs are none. Never raises."""
    pairs = [pair.partition(b"=") for pair in body.replace(b"+", b" ").split(b"&") if pair]
    if b"%" not in body:
        return [(name, value) for name, _, value in pairs]
    return [(_plain(name), _plain(value)) for name, _, value in pairs]


def _plain(text: bytes) -> bytes:
    return unquote_to_bytes(text) if b"%" in text else text  # most have nothing to decode
