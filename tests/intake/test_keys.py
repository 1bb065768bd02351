"""Keys of apps: reading the setting, proving a token, asking for a scope."""

from hashlib import sha256

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli import keys_new
from service.errors import ConfigurationError, ForbiddenError, UnauthorizedError
from service.intake.keys import SCOPES, authenticate, generate_key, parse_keys, require

HASH = sha256(b"s3cret").hexdigest()
OTHER = sha256(b"other").hexdigest()


def test_generated_key_proves_itself() -> None:
    token, entry = generate_key("studio", ("escalate", "invites:read"))

    key = authenticate(f"Bearer {token}", parse_keys(entry))

    assert (key.id, key.scopes) == ("studio", frozenset({"escalate", "invites:read"}))


def test_generated_entry_hides_the_secret() -> None:
    token, entry = generate_key("studio", ("*",))

    assert token.partition(".")[2] not in entry


def test_generated_secrets_differ() -> None:
    assert generate_key("a", ("*",)) != generate_key("a", ("*",))


@pytest.mark.parametrize("separator", [",", " ", "\n", ", \r\n\t,"], ids=repr)
def test_entries_are_separated_freely(separator: str) -> None:
    text = separator.join((f"a:{HASH}:escalate", f"b:{OTHER.upper()}:transfer+decide", ""))

    assert [key.id for key in parse_keys(text)] == ["a", "b"]


@pytest.mark.parametrize("text", ["", " \n ", ","], ids=repr)
def test_no_entries_mean_no_keys(text: str) -> None:
    assert parse_keys(text) == ()


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("a", "form"),
        (f"a:{HASH}", "form"),
        (f":{HASH}:*", "id"),
        (f"a.b:{HASH}:*", "id"),
        (f"{'a' * 65}:{HASH}:*", "id"),
        (f"a:{HASH[:-1]}:*", "SHA-256"),
        ("a:s3cret:*", "SHA-256"),
        (f"a:{HASH}:", "scopes"),
        (f"a:{HASH}:escalate+fly", "scopes"),
        (f"a:{HASH}:invites", "scopes"),
    ],
)
def test_faulty_entry_is_told_by_position(entry: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_keys(f"good:{OTHER}:* {entry}")

    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith("API_KEYS entry 2 ")
    assert told in caught.value.faults[0]


def test_all_faulty_entries_are_told() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_keys(f"x a:zz:fly b:{HASH}:* b:{OTHER}:*")

    assert [fault.split()[2] for fault in caught.value.faults] == ["1", "2", "2", "4"]


def test_faults_never_show_the_entry() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_keys(f"canary:{HASH[1:]}:canary canary:{HASH}:* canary:{HASH}:*")

    assert "canary" not in str(caught.value)
    assert HASH[1:] not in str(caught.value)


def test_key_does_not_show_its_hash() -> None:
    (key,) = parse_keys(f"a:{HASH}:*")

    assert "digest" not in repr(key)


@pytest.mark.parametrize("header", ["Bearer a.s3cret", "bearer a.s3cret", "BEARER   a.s3cret "])
def test_bearer_is_read_in_any_case(header: str) -> None:
    assert authenticate(header, parse_keys(f"b:{OTHER}:* a:{HASH}:*")).id == "a"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer a",
        "Bearer a.",
        "Bearer .s3cret",
        "Bearer a.s3cre",
        "Bearer a.s3crets",
        "Bearer b.s3cret",
        "Bearer c.s3cret",
        f"Bearer a.{HASH}",
        "Basic a.s3cret",
        "a.s3cret",
        "Bearer a.s3cret extra",
        "Bearer a.\u00e9",
        "Bearer \ud800.x",
    ],
    ids=repr,
)
def test_wrong_credentials_are_refused(header: str | None) -> None:
    with pytest.raises(UnauthorizedError):
        authenticate(header, parse_keys(f"a:{HASH}:* b:{OTHER}:*"))


@given(header=st.text())
def test_any_header_is_refused_politely(header: str) -> None:
    with pytest.raises(UnauthorizedError) as caught:
        authenticate(header, parse_keys(f"a:{HASH}:*"))

    assert len(header) < 8 or header not in caught.value.detail


def test_nobody_passes_without_keys() -> None:
    with pytest.raises(UnauthorizedError):
        authenticate("Bearer a.s3cret", ())


@pytest.mark.parametrize("scope", SCOPES[:-1])
def test_star_may_do_everything(scope: str) -> None:
    require(parse_keys(f"a:{HASH}:*")[0], scope)


@pytest.mark.parametrize("scope", SCOPES[:-1])
def test_each_scope_opens_only_itself(scope: str) -> None:
    key = parse_keys(f"a:{HASH}:{scope}")[0]

    require(key, scope)
    for other in set(SCOPES[:-1]) - {scope}:
        with pytest.raises(ForbiddenError, match=other):
            require(key, other)


@pytest.mark.parametrize(("name", "scopes"), [("a b", ("*",)), ("", ("*",)), ("a", ()), ("a", ("fly",))])
def test_impossible_key_is_not_made(name: str, scopes: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError):
        generate_key(name, scopes)


def test_help_names_every_scope() -> None:
    told = next(one for one in keys_new.params if one.name == "scopes")
    assert isinstance(told, click.Option)
    assert [scope for scope in SCOPES if scope not in str(told.help)] == []
