"""Webhook signatures: what Twilio signs is taken, everything else is refused, and nothing is ever raised."""

import base64
import hmac
import json
from hashlib import sha1, sha256
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import Headers, MultiDict

from service.intake.signatures import public_url, verify, verify_request

TOKEN = "0123456789abcdef0123456789abcdef"
SECONDARY = "fedcba9876543210fedcba9876543210"
URL = "https://router.example.com/v1/events/taskrouter"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
BODY = b'{"conversation_sid":"CH44444444444444444444444444444444"}'
LOWER = sha256(BODY).hexdigest()


def sign(url: str, *, token: str = TOKEN, text: str = "") -> str:
    return base64.b64encode(hmac.digest(token.encode(), (url + text).encode(), sha1)).decode()


def sdk_signature(url: str, form: MultiDict[str, str]) -> str:
    validator = RequestValidator(TOKEN)  # type: ignore[no-untyped-call]  # the SDK annotates none of it
    return str(validator.compute_signature(url, form))  # type: ignore[no-untyped-call]


def json_url(body: bytes, path: str = "/v1/escalations") -> str:
    return f"https://router.example.com{path}?bodySHA256={sha256(body).hexdigest()}"


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
values = st.text(st.characters(codec="utf-8"), max_size=20)


@given(pairs=st.lists(st.tuples(names, values), max_size=12))
def test_form_signature_equals_the_sdks(pairs: list[tuple[str, str]]) -> None:
    expected = sdk_signature(URL, MultiDict(pairs))

    assert verify(URL, FORM, urlencode(pairs).encode(), expected, tokens=[TOKEN])


@given(name=names, value=values)
def test_changed_form_value_is_refused(name: str, value: str) -> None:
    signature = sdk_signature(URL, MultiDict([(name, value)]))

    assert not verify(URL, FORM, urlencode([(name, value + "x")]).encode(), signature, tokens=[TOKEN])


@settings(max_examples=150)
@given(
    url=st.text() | st.just(URL) | st.builds(lambda rest: URL + rest, st.text()),
    content_type=st.none() | st.text() | st.sampled_from([FORM, JSON]),
    body=st.binary(),
    signature=st.none() | st.text(),
    tokens=st.lists(st.text()),
)
def test_nothing_raises_and_nothing_passes(
    url: str, content_type: str | None, body: bytes, signature: str | None, tokens: list[str]
) -> None:
    assert verify(url, content_type, body, signature, tokens=tokens) is False


@pytest.mark.parametrize("signature", [None, "", "x", "é", "\ud800", "A" * 10_000], ids=repr)
def test_odd_signature_is_refused(signature: str | None) -> None:
    assert not verify(URL, FORM, b"a=1", signature, tokens=[TOKEN])


@pytest.mark.parametrize(
    "url",
    [
        "https://router.example.com:99999999/x",
        "https://router.example.com:port/x",
        "https://[::1/x",
        "ftp://router.example.com/x",
        "router.example.com/x",
        "",
        "https:///x",
    ],
    ids=repr,
)
def test_malformed_url_is_refused(url: str) -> None:
    assert not verify(url, FORM, b"a=1", sign(url, text="a1"), tokens=[TOKEN])


def test_json_with_its_hash_passes() -> None:
    url = json_url(BODY)

    assert verify(url, "application/json;charset=utf-8", BODY, sign(url), tokens=[TOKEN])


def test_json_hash_comes_among_other_parameters() -> None:
    url = f"https://router.example.com/v1/escalations?a=%20b&bodySHA256={LOWER}&c="

    assert verify(url, JSON, BODY, sign(url), tokens=[TOKEN])


@pytest.mark.parametrize(
    ("url", "body"),
    [
        (json_url(BODY), BODY + b" "),
        (json_url(BODY), b""),
        ("https://router.example.com/v1/escalations", BODY),
        ("https://router.example.com/v1/escalations", b""),
        ("https://router.example.com/v1/escalations?bodySHA256=", BODY),
        ("https://router.example.com/v1/escalations?bodySHA256=zz", BODY),
        (f"https://router.example.com/v1/escalations?bodySHA256={LOWER[:-1]}", BODY),
        (json_url(BODY) + f"&bodySHA256={'0' * 64}", BODY),
        (json_url(BODY) + f"&bodySHA256={LOWER}", BODY),
        (f"https://router.example.com/v1/escalations?bodysha256={LOWER}", BODY),
    ],
    ids=["changed", "emptied", "no hash", "no hash, no body", "empty hash", "no hex", "short", "two", "twice", "case"],
)
def test_json_body_not_covered_is_refused(url: str, body: bytes) -> None:
    assert not verify(url, JSON, body, sign(url), tokens=[TOKEN])


def test_hash_in_capitals_is_taken() -> None:
    url = f"https://router.example.com/v1/escalations?bodySHA256={LOWER.upper()}"

    assert verify(url, JSON, BODY, sign(url), tokens=[TOKEN])


def test_json_signature_reused_as_form_is_refused() -> None:
    url = json_url(BODY)

    assert not verify(url, FORM, b"", sign(url), tokens=[TOKEN])


def test_json_signed_as_an_empty_form_is_refused() -> None:
    signature = sdk_signature(URL, MultiDict())

    assert not verify(URL, JSON, BODY, signature, tokens=[TOKEN])


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", None, "nonsense"])
def test_other_body_without_hash_is_refused(content_type: str | None) -> None:
    assert not verify(URL, content_type, b"a=1", sign(URL), tokens=[TOKEN])
    assert not verify(URL, content_type, b"a=1", sign(URL, text="a1"), tokens=[TOKEN])


def test_request_without_body_signs_its_url() -> None:
    url = f"{URL}?a=1"

    assert verify(url, None, b"", sign(url), tokens=[TOKEN])
    assert not verify(f"{URL}?a=2", None, b"", sign(url), tokens=[TOKEN])


@pytest.mark.parametrize(
    ("called", "signed"),
    [
        ("https://h.example/x", "https://h.example:443/x"),
        ("https://h.example:443/x", "https://h.example/x"),
        ("https://h.example:8443/x", "https://h.example/x"),
        ("https://h.example:8443/x", "https://h.example:8443/x"),
        ("http://h.example/x?y=1", "http://h.example:80/x?y=1"),
        ("http://[::1]:8080/x", "http://[::1]/x"),
        ("https://user:pa:ss@h.example/x", "https://h.example/x"),
        ("https://user@h.example:8443/x", "https://h.example:8443/x"),
        ("https://h.example/x#rc=5&rp=all", "https://h.example/x"),
        ("https://h.example?x=1", "https://h.example?x=1"),
        ("HTTPS://h.example/x", "HTTPS://h.example/x"),
    ],
    ids=lambda url: url,
)
def test_signed_variant_of_url_is_taken(called: str, signed: str) -> None:
    assert verify(called, FORM, b"a=1", sign(signed, text="a1"), tokens=[TOKEN])


@pytest.mark.parametrize(
    "called",
    [
        "https://h.example/x/?a=%2F&b=+",
        "https://h.example/x?a=%2f&b=+",
        "https://h.example/x?a=%2F&b=%20",
        "https://h.example/x?b=+&a=%2F",
        "https://h.example/x?a=%2F&b=+&",
        "http://h.example/x?a=%2F&b=+",
        "https://other.example/x?a=%2F&b=+",
    ],
    ids=["slash", "hex case", "space", "order", "trailing", "scheme", "host"],
)
def test_url_changed_by_a_byte_is_refused(called: str) -> None:
    signature = sign("https://h.example/x?a=%2F&b=+", text="a1")

    assert verify("https://h.example/x?a=%2F&b=+", FORM, b"a=1", signature, tokens=[TOKEN])
    assert not verify(called, FORM, b"a=1", signature, tokens=[TOKEN])


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"b=2&a=1", "a1b2"),
        (b"a=2&a=1&a=2", "a1a2"),
        (b"a=&b", "ab"),
        (b"a=x%20y+z", "ax y z"),
        (b"n=" + quote_plus("Zoë 🙂").encode(), "nZoë 🙂"),
        (b"B=1&a=2", "B1a2"),
        (b"", ""),
    ],
    ids=["sorted", "repeated", "empty", "spaces", "unicode", "case", "nothing"],
)
def test_form_is_strung_together(body: bytes, text: str) -> None:
    assert verify(URL, f"{FORM}; charset=UTF-8", body, sign(URL, text=text), tokens=[TOKEN])


@pytest.mark.parametrize("token", [TOKEN, SECONDARY])
def test_either_token_may_have_signed(token: str) -> None:
    assert verify(URL, FORM, b"a=1", sign(URL, token=token, text="a1"), tokens=[TOKEN, SECONDARY])


@pytest.mark.parametrize("tokens", [[], [""], [SECONDARY], ["\ud800"]], ids=["none", "empty", "other", "no text"])
def test_without_the_right_token_is_refused(tokens: list[str]) -> None:
    assert not verify(URL, FORM, b"a=1", sign(URL, text="a1"), tokens=tokens)


def test_empty_token_signs_nothing() -> None:
    assert not verify(URL, FORM, b"a=1", sign(URL, token="", text="a1"), tokens=[""])


def test_headers_are_read_in_any_case() -> None:
    headers = Headers({"x-twilio-signature": sign(URL, text="a1"), "content-type": FORM})

    assert verify_request(URL, headers, b"a=1", tokens=[TOKEN])


@pytest.mark.parametrize("setting", ["key=webhooks_sharedkey_1,algorithm=HMAC_SHA256", "algorithm=HMAC_SHA1", "?"])
def test_shared_key_signature_is_refused(setting: str) -> None:
    headers = Headers({"X-Twilio-Signature": sign(URL, text="a1"), "Content-Type": FORM})
    headers["X-Twilio-Webhooks-Signature-Settings"] = setting

    assert not verify_request(URL, headers, b"a=1", tokens=[TOKEN])


def test_studio_json_passes_through_headers() -> None:
    body = json.dumps({"reason": "é"}).encode()
    url = json_url(body)
    headers = {"X-Twilio-Signature": sign(url), "Content-Type": "application/json;charset=utf-8"}

    assert verify_request(url, headers, body, tokens=[TOKEN])


@pytest.mark.parametrize(
    ("base", "target", "url"),
    [
        ("https://r.example", "/v1/x?a=%2f&b", "https://r.example/v1/x?a=%2f&b"),
        ("https://r.example/", "/v1/x", "https://r.example/v1/x"),
        ("https://r.example/flex", b"/v1/x?q=a+b", "https://r.example/flex/v1/x?q=a+b"),
        ("https://r.example", "http://inner:8080/v1/x?y", "https://r.example/v1/x?y"),
        ("https://r.example", "//evil.example/x", "https://r.example//evil.example/x"),
        ("https://r.example", "/v1/x/", "https://r.example/v1/x/"),
        ("https://r.example", "/\u00c3\u00a9", "https://r.example/é"),
        ("https://r.example", "/é".encode(), "https://r.example/é"),
    ],
    ids=["query", "slash", "prefix", "absolute", "double slash", "trailing", "latin-1 of gunicorn", "bytes"],
)
def test_public_url_keeps_every_byte(base: str, target: bytes | str, url: str) -> None:
    assert public_url(base, target) == url


@given(target=st.binary())
def test_public_url_takes_any_bytes(target: bytes) -> None:
    assert verify(public_url("https://r.example", target), FORM, b"", "x", tokens=[TOKEN]) is False
