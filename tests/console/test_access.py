"""Who may come in and as what: passwords, the cookie, and the header of a proxy."""

import time
from dataclasses import dataclass

import pytest

from service.console.access import Access, access_of, name_of
from service.console.passwords import fits, hash_of, new_password
from service.console.sessions import OPERATOR, READER, Session, new_session, opened, same_token, sealed, secret_of
from service.errors import ConfigurationError
from service.settings import load_settings
from tests.conftest import sid
from tests.console.house import LOOKING, PASSWORD, cheap_hash

GOOD = {
    "TWILIO_ACCOUNT_SID": sid("AC", 1),
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_WORKSPACE_SID": sid("WS", 1),
    "PUBLIC_BASE_URL": "https://router.example.com/flex",
    "REDIS_URL": "redis://localhost",
}
SECRET = secret_of("token", None)
NOW_S = 1_000_000.0


def access(**environ: str) -> Access:
    return access_of(load_settings(GOOD | environ))


def test_hash_is_taken_by_the_settings() -> None:
    hashed = hash_of("correct horse")
    assert access(CONSOLE_PASSWORD_HASH=hashed).operator_hash == hashed
    assert "$" not in hashed


@pytest.mark.parametrize(("password", "right"), [("correct horse", True), ("correct hors", False), ("x" * 2000, False)])
def test_only_the_password_itself_fits(password: str, right: bool) -> None:
    assert fits(password, cheap_hash("correct horse")) is right


def test_two_hashes_of_a_password_differ() -> None:
    assert cheap_hash("same") != cheap_hash("same")


def test_made_passwords_are_long_and_differ() -> None:
    assert len({new_password() for _ in range(50)}) == 50
    assert len(new_password().replace("-", "")) == 24


@pytest.mark.parametrize("hashed", ["correct horse", "scrypt.1.8.1.00.00", "$2b$12$abc", "scrypt:32768:8:1$salt$00"])
def test_other_hashes_are_refused_and_not_repeated(hashed: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        access(CONSOLE_PASSWORD_HASH=hashed)
    assert "CONSOLE_PASSWORD_HASH" in error.value.detail
    assert hashed not in error.value.detail


def test_nothing_set_leaves_the_console_shut() -> None:
    assert not access().open


@pytest.mark.parametrize(
    ("password", "role"), [(PASSWORD, OPERATOR), (LOOKING, READER), ("neither", None)], ids=["operator", "reader", "no"]
)
def test_password_says_the_role(password: str, role: str | None) -> None:
    both = access(CONSOLE_PASSWORD_HASH=cheap_hash(PASSWORD), CONSOLE_READONLY_PASSWORD_HASH=cheap_hash(LOOKING))
    assert both.role_of(password) == role


def test_cookies_are_secure_behind_https() -> None:
    assert access().secure
    assert not access(PUBLIC_BASE_URL="http://localhost:8080").secure


@pytest.mark.parametrize(
    "given",
    [{"CONSOLE_USER_HEADER": "X-User"}, {"CONSOLE_USER_HEADER_TRUSTED": "yes"}],
    ids=["header alone", "switch alone"],
)
def test_header_needs_its_switch(given: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="must be given together"):
        access(**given)


TRUSTED = {"CONSOLE_USER_HEADER": "X-User", "CONSOLE_USER_HEADER_TRUSTED": "yes"}


@pytest.mark.parametrize(
    ("value", "operators", "role"),
    [
        ("ada@example.com", "", OPERATOR),
        ("ada@example.com", "ada@example.com, bob@example.com", OPERATOR),
        ("eve@example.com", "ada@example.com", READER),
        ("", "", None),
        ("a<script>", "", None),
        ("x" * 100, "", None),
    ],
)
def test_proxy_names_the_person(value: str, operators: str, role: str | None) -> None:
    found = access(**TRUSTED, CONSOLE_OPERATORS=operators).named_by_proxy(value)
    assert (found.role if found else None) == role


def test_header_is_nothing_without_the_setting() -> None:
    assert access(CONSOLE_PASSWORD_HASH=cheap_hash(PASSWORD)).named_by_proxy("ada") is None


@pytest.mark.parametrize(
    ("text", "name"), [(" Ada  Byron ", "Ada Byron"), ("Zoë", "Zoë"), ("a\nb", "a b"), ("<b>", None)]
)
def test_name_is_harmless_to_show(text: str, name: str | None) -> None:
    assert name_of(text) == name


# -- the cookie


def test_cookie_comes_back_as_it_was() -> None:
    session = new_session(int(NOW_S) + 60, name="Ada", role=OPERATOR)
    assert opened(sealed(session, SECRET), SECRET, now_s=NOW_S) == session


def test_cookie_is_nothing_when_its_time_is_over() -> None:
    assert opened(sealed(new_session(int(NOW_S)), SECRET), SECRET, now_s=NOW_S) is None


def _changed(value: str, at: int) -> str:
    return value[:at] + ("A" if value[at] != "A" else "B") + value[at + 1 :]


@pytest.mark.parametrize("at", [0, 10, -1, -40], ids=["first", "body", "last", "seal"])
def test_changed_cookie_is_nothing(at: int) -> None:
    value = sealed(new_session(int(NOW_S) + 60, role=OPERATOR), SECRET)
    assert opened(_changed(value, at % len(value)), SECRET, now_s=NOW_S) is None


@pytest.mark.parametrize("value", [None, "", ".", "a.b", "é.ü", "x" * 5000, "bnVsbA==." + "0" * 64])
def test_foreign_cookie_is_nothing(value: str | None) -> None:
    assert opened(value, SECRET, now_s=NOW_S) is None


def test_cookie_of_another_version_is_nothing() -> None:
    @dataclass(frozen=True)
    class Newer(Session):
        more: int = 1

    assert opened(sealed(Newer(int(NOW_S) + 60, "t"), SECRET), SECRET, now_s=NOW_S) is None


def test_new_password_ends_the_sessions() -> None:
    old, new = (access(CONSOLE_PASSWORD_HASH=cheap_hash(word)).secret for word in ("one", "two"))
    value = sealed(new_session(int(time.time()) + 60, role=OPERATOR), old)
    assert opened(value, new, now_s=time.time()) is None


@pytest.mark.parametrize("given", [None, "", "x", "é"])
def test_token_must_be_the_same(given: str | None) -> None:
    session = new_session(int(NOW_S))
    assert not same_token(session, given)
    assert same_token(session, session.token)


def test_secrets_stay_out_of_the_repr() -> None:
    shown = repr(access(CONSOLE_PASSWORD_HASH=cheap_hash(PASSWORD)))
    assert "scrypt" not in shown
    assert "secret=" not in shown
