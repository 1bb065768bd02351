"""What the fuzz sends: bodies from nearly right to plain rubbish. Every text in them carries the canary."""

import json
from urllib.parse import urlencode

from hypothesis import strategies as st

from tests.conftest import sid

CANARY = "Zq7canaryZq7"
JSON, FORM = b"application/json", b"application/x-www-form-urlencoded"

FIELDS = [
    "conversation_sid", "interaction_sid", "channel_sid", "channel_type", "reason", "attributes", "idempotency_key",
    "execution_sid", "from", "from_worker_sid", "to", "mode", "release", "kind", "last", "wake_after_s", "same_agent",
    "wrapup", "worker_sid", "participant_sid", "queue", "worker", "workflow", "EventType", "Sid", "TaskSid",
    "TaskAttributes", "WorkspaceSid", "TimestampMs", "Timestamp", "ConversationSid", "data", "type", "specversion",
]  # fmt: skip
_WORDS = ["web", "cold", "warm", "on_accept", "immediately", "escalation", "task.canceled", "task.created", "true", ""]

canary_texts = st.builds(
    lambda before, after: before + CANARY + after,
    st.text(max_size=12),
    st.sampled_from(["", "\x00", "‮", "\U0001f600", "'\"<>{{", "\r\nX: y", " " * 40, "é" * 300]),
)
known_sids = st.sampled_from([sid(prefix, 7) for prefix in ("CH", "KD", "UO", "WK", "WT", "UT", "EV", "WS", "WQ")])
scalars = st.one_of(
    canary_texts,
    known_sids,
    st.sampled_from(_WORDS),
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=True, allow_infinity=True),
)
names = st.sampled_from(FIELDS) | st.text(max_size=8)  # an unknown field is refused by its name
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(FIELDS), values, max_size=8)


def _json(value: object, encoding: str) -> bytes:
    return json.dumps(value, ensure_ascii=encoding == "ascii").encode(encoding, "surrogatepass")


def _form(fields: dict[str, object]) -> bytes:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return urlencode(texts, errors="surrogatepass").encode()


def _twice(body: bytes) -> bytes:
    return body + b"&" + body


encodings = st.sampled_from(["ascii", "utf-8", "utf-8", "utf-16", "utf-32-le", "utf-8-sig"])
json_bodies = st.builds(_json, objects, encodings) | st.builds(_json, values, encodings)
form_bodies = st.builds(_form, objects) | st.builds(_form, objects).map(_twice)
deep = st.integers(1, 30_000).map(lambda depth: b"[" * depth + b"]" * depth)
rubbish = (
    st.binary(max_size=200) | deep | st.sampled_from([b"", b"null", b"{}", b"[]", b'{"a":1,"a":2}', b"NaN", b"&&=&"])
)
bodies = st.one_of(
    st.tuples(st.just(JSON), json_bodies),
    st.tuples(st.just(FORM), form_bodies),
    st.tuples(
        st.sampled_from([JSON, FORM, b"", b"text/plain", b"application/json; charset=utf-16", b"multipart/form-data"]),
        json_bodies | form_bodies | rubbish,
    ),
)
header_bytes = st.binary(max_size=40).map(lambda raw: raw.translate(None, b"\r\n\x00"))
odd_headers = st.lists(
    st.tuples(
        st.sampled_from(
            [b"Idempotency-Key", b"X-Request-Id", b"X-Forwarded-Host", b"X-Forwarded-Proto", b"Accept", b"Origin",
             b"X-Twilio-Signature", b"X-HTTP-Method-Override", b"Cookie", b"Content-Encoding", b"Expect"]
        ),
        header_bytes | st.just(CANARY.encode() + b"+"),
    ),
    max_size=4,
)  # fmt: skip
