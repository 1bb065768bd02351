"""What is long in a record, packed into short fields: the request and its plan, which make two thirds of it. Pure.

Redis and Valkey keep a hash whose values are all short in one piece, at a third of what one with a single long value
takes (``hash-max-listpack-value``, 64 unless told otherwise). So the JSON of both is deflated, with words that nearly
every record has laid before it, and cut up: ``p0``, ``p1`` and so on, and ``pn``, how many there are.
"""

import json
import zlib
from base64 import b85decode, b85encode
from collections.abc import Mapping

PIECE = 62  # characters; a value may have 64
COUNT = "pn"
LONGEST = 1_000_000  # bytes of JSON; a record has a few thousand

# Part of the form of records: never to be changed, for what was packed with it cannot be read without it.
_WORDS = (
    b'"unknown":[],"left_out":0,"passed":[["because":[["request.kind == \\"transfer\\"",true]],["request.channel_type'
    b' == \\"",false],["attributes. == \\"",false]],"trace":{"rule":"default","give_up_s":"release":"farewell":"'
    b'"on_lapse":"leave""on_lapse":"close","recheck_s":"skip_if":"attributes":{"priority":"timeout_s":"direct":true,'
    b'"worker":"worker_sid":"WK"queue":"queue_sid":"WQ"task_channel":"chat","workflow":"everyone","workflow_sid":"WW'
    b'"steps":[{"rules_sha256":"","rule":"},{"idempotency_key":"execution_sid":"FN"carried":{"customerName":"'
    b'"origin":{"worker_sid":"WK"mode":"cold","release":"on_accept","to":{"kind":"queue","name":"reason":"'
    b'"attributes":{"channel_type":"web","interaction_sid":"KD","channel_sid":"UO","conversation_sid":"CH'
    b'[{"kind":"escalation","conversation_sid":"CH'
)


def pack(value: object) -> dict[str, str]:
    """A JSON value as fields."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, _WORDS)
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    packed = b85encode(deflate.compress(text) + deflate.flush()).decode()
    pieces = [packed[first : first + PIECE] for first in range(0, len(packed), PIECE)]
    return {COUNT: str(len(pieces)), **{f"p{number}": piece for number, piece in enumerate(pieces)}}


def unpack(fields: Mapping[str, str]) -> object:
    """The JSON value again. Raises KeyError or ValueError if it is not whole."""
    packed = "".join(fields[f"p{number}"] for number in range(int(fields[COUNT])))
    inflate = zlib.decompressobj(-15, zdict=_WORDS)
    try:
        text = inflate.decompress(b85decode(packed), LONGEST)
    except zlib.error as error:
        raise ValueError("what was packed cannot be read") from error
    return json.loads(text)
