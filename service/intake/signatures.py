"""Is this webhook from Twilio? Pure: bytes and tokens in, yes or no out; whatever cannot be checked is a no.

Kept apart from the SDK's ``RequestValidator``, which raises on odd input, takes a JSON body unseen when it is handed an
empty form, compares in variable time and rebuilds the URL. Sources: "Webhooks security" and "Security" (the algorithm),
"Sign webhooks with shared keys" (the settings header). No Flask, no settings and no logging may come in here.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha1, sha256
from itertools import chain
from typing import Protocol

from service.intake.forms import Pairs, form_pairs

SIGNATURE_HEADER = "X-Twilio-Signature"
SHARED_KEY_HEADER = "X-Twilio-Webhooks-Signature-Settings"
FORM = "application/x-www-form-urlencoded"
BODY_HASH = "bodySHA256"

_URL = re.compile(
    r"""(?P<scheme>https?)://
        (?:[^/?#@]*@)?                                # credentials
        (?P<host>[^/?#:@]+|\[[0-9a-f:.]+\])
        (?P<port>:[0-9]{1,5})?
        (?P<path>/[^?#]*|)(?P<query>\?[^#]*|)
        (?:\#.*)?""",
    re.VERBOSE | re.IGNORECASE,
)
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}


class Headers(Protocol):
    """A request's headers: asked by name, in any case, as Flask's can be."""

    def get(self, name: str, /) -> str | None: ...


def verify_request(
    url: str, headers: Headers, body: bytes, *, tokens: Sequence[str], pairs: Pairs | None = None
) -> bool:
    """As ``verify``, reading the headers itself. A request signed with a shared key is refused: its secret is none of
    ``tokens``, and an unknown way of signing must not fall back to a known one.
    """
    if (headers.get(SHARED_KEY_HEADER) or "").strip():
        return False
    return verify(url, headers.get("Content-Type"), body, headers.get(SIGNATURE_HEADER), tokens=tokens, pairs=pairs)


def verify(
    url: str,
    content_type: str | None,
    body: bytes,
    signature: str | None,
    *,
    tokens: Sequence[str],
    pairs: Pairs | None = None,
) -> bool:
    """True if ``signature`` was made with one of ``tokens`` (auth tokens, any order) over this very request.

    ``url`` is the public address Twilio called, byte for byte as it was sent (see ``public_url``); a fragment and
    credentials in it are left aside, as Twilio leaves them out. ``pairs``: those of the body if it is a form, where the
    caller has read them already. What is signed depends on the body:

    * a form: the URL and every name and value, sorted, equal pairs once;
    * no body and no content type: the URL alone;
    * anything else, JSON above all: the URL alone, which then must carry ``bodySHA256``, and the body must match it.

    Never raises: what cannot be read was not signed by Twilio.
    """
    try:
        given = signature.encode("ascii") if isinstance(signature, str) else b""
        keys = [token.encode() for token in tokens if token] if given else []
        texts = _signed_texts(url, content_type, body, pairs)
        return any(hmac.compare_digest(_signature(key, text), given) for text in texts for key in keys)
    except ValueError:  # a text that no encoding takes is one, too
        return False


@lru_cache(maxsize=64)
def public_url(base: str, path_with_query: bytes | str) -> str:
    """The address Twilio called: the configured public base, with its path prefix, and the request's raw target.

    ``path_with_query`` is the target as it stood in the request line (gunicorn's RAW_URI), never decoded and encoded
    again: the signature covers every byte. The proxy that serves the prefix of ``base`` must have taken it off.
    A target in absolute form (``http://host/path``) is cut down to its path.
    """
    raw = path_with_query.encode("latin-1", "replace") if isinstance(path_with_query, str) else path_with_query
    target = re.sub(r"\Ahttps?://[^/?#]*", "", raw.decode("utf-8", "surrogateescape"), flags=re.IGNORECASE)
    return base.rstrip("/") + target


def _signature(key: bytes, text: bytes) -> bytes:
    made = _keyed(key).copy()
    made.update(text)
    return base64.b64encode(made.digest())


@lru_cache(maxsize=4)
def _keyed(key: bytes) -> hmac.HMAC:
    """An HMAC with nothing in it yet. Other than ``hmac.digest``, it keeps the interpreter's lock while it reads a text
    as short as an event's: giving it away would cost more than the work."""
    return hmac.new(key, digestmod=sha1)


def _signed_texts(url: str, content_type: str | None, body: bytes, pairs: Pairs | None) -> Iterator[bytes]:
    """What may have been signed; nothing if the body is not covered. Raises ValueError on a URL that is none."""
    variants, hashes = _read(url)
    media_type = (content_type or "").split(";")[0].strip().lower()
    if hashes and not _is_hash_of(hashes, body):
        return
    if media_type == FORM:
        tail = _form_text(form_pairs(body) if pairs is None else pairs)
    elif hashes or (not body and not media_type):
        tail = b""
    else:
        return
    yield from (variant + tail for variant in variants)


@lru_cache(maxsize=64)  # events come to the same few addresses
def _read(url: str) -> tuple[list[bytes], list[str]]:
    """The URL with and without its port: Twilio's products differ in which they sign ("Security", notes). And the
    hashes of the body that it carries."""
    parts = _URL.fullmatch(url)
    if parts is None:
        raise ValueError("not an http(s) URL")
    port = parts["port"] or ""
    ports = dict.fromkeys((port, "", port or _DEFAULT_PORTS[parts["scheme"].lower()]))
    texts = [f"{parts['scheme']}://{parts['host']}{one}{parts['path']}{parts['query']}" for one in ports]
    return [text.encode("utf-8", "surrogateescape") for text in texts], _body_hashes(parts["query"])


def _body_hashes(query: str) -> list[str]:
    pairs = (pair.partition("=") for pair in query[1:].split("&"))
    return [value for name, _, value in pairs if name == BODY_HASH]


def _is_hash_of(hashes: list[str], body: bytes) -> bool:
    """Exactly one hash, and of these bytes. Upper-case digits are the same number, so they are taken."""
    if len(hashes) != 1:
        return False
    try:
        return hmac.compare_digest(binascii.unhexlify(hashes[0]), sha256(body).digest())
    except ValueError:
        return False


def _form_text(pairs: Pairs) -> bytes:
    """Names and values as Twilio strings them together. Worked in bytes: UTF-8 sorts as its code points do."""
    return b"".join(chain.from_iterable(sorted(set(pairs))))
