"""The console's doors over plain HTTP: signing in, forms, roles, headers, and no console where nobody opened it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from service.console.sessions import COOKIE, OPERATOR, new_session, sealed
from service.tracking.console_notes import FREE_TRIES, ConsoleNotes
from service.tracking.embedded import EmbeddedStore
from tests.console.house import LOOKING, PASSWORD, Visitor, cheap_hash, console_settings
from tests.flow.world import World

pytestmark = pytest.mark.xdist_group("console")

PAGES = ("now", "find", "open", "stuck", "rules", "system", "twilio", "live", "confirm?act=cancel&on=x", "nothing-here")
FORMS = ("act", "rules", "sign-out")


@pytest.fixture
def build(own_store: EmbeddedStore, rules_file: Path) -> Iterator[Callable[..., World]]:
    """A world with settings of one's own."""
    made: list[World] = []

    def new(**settings: str) -> World:
        made.append(World(own_store.url, str(rules_file), **settings))
        return made[-1]

    yield new
    for one in made:
        one.close()


@pytest.mark.parametrize("page", PAGES)
def test_stranger_is_sent_to_sign_in(stranger: Visitor, page: str) -> None:
    answer = stranger.get(page, follow=False)
    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "sign-in")
    assert "Twilio" not in answer.text


def test_polling_page_is_sent_there_as_a_whole(stranger: Visitor) -> None:
    answer = stranger.get("now", follow=False, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "sign-in")


@pytest.mark.parametrize("path", ["", "/", "/now"])
def test_stranger_finds_the_way_in(stranger: Visitor, world: World, path: str) -> None:
    answer = stranger.http.get(f"{world.url}/console{path}", timeout=20)
    assert (answer.status_code, answer.url.split("?")[0]) == (200, f"{world.url}/console/sign-in")


def test_console_leads_to_now(operator: Visitor, world: World) -> None:
    answer = operator.http.get(f"{world.url}/console", timeout=20)
    assert answer.url == f"{world.url}/console/now"
    assert answer.status_code == 200


def test_signing_in_goes_on_to_the_page_wanted(stranger: Visitor) -> None:
    asked = stranger.get("find?sid=CH" + "0" * 32)
    assert "next=find" in asked.url
    assert stranger.sign_in(next="find?sid=CH" + "0" * 32).headers["Location"] == "find?sid=CH" + "0" * 32


@pytest.mark.parametrize(
    "wanted", ["https://evil.example", "//evil.example", "/evil", "act", "now/../../x", "find?a=<b>"]
)
def test_signing_in_leads_nowhere_else(stranger: Visitor, wanted: str) -> None:
    assert stranger.sign_in(next=wanted).headers["Location"] == "now"


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + " ", "é" * 40, "x" * 3000])
def test_wrong_password_opens_nothing(stranger: Visitor, world: World, password: str) -> None:
    answer = stranger.sign_in(password)
    ConsoleNotes(world.redis).succeeded("127.0.0.1")
    assert answer.status_code == 403
    assert stranger.get("now", follow=False).status_code == 303


def test_guessing_becomes_slow(stranger: Visitor, world: World) -> None:
    for _ in range(FREE_TRIES):
        stranger.sign_in("wrong")
    refused = stranger.sign_in(PASSWORD)
    assert refused.status_code == 403
    assert "Too many wrong passwords. Try again in" in refused.text
    world.redis.delete(*[name for name in world.redis.scan_iter() if ":tries:" in name or ":rest:" in name])
    assert stranger.sign_in(PASSWORD).status_code == 303


def test_signing_out_ends_it(operator: Visitor) -> None:
    assert operator.post("sign-out").status_code == 303
    assert operator.get("now", follow=False).status_code == 303


def test_session_ends_by_itself(stranger: Visitor, world: World) -> None:
    from service.console.access import access_of

    secret = access_of(world.settings).secret
    for until_s, status in ((time.time() + 60, 200), (time.time() - 1, 303)):
        cookie = sealed(new_session(int(until_s), name="Ada", role=OPERATOR), secret)
        answer = requests.get(f"{stranger.base}open", cookies={COOKIE: cookie}, allow_redirects=False, timeout=20)
        assert answer.status_code == status


def test_cookie_is_kept_from_scripts_and_other_sites(stranger: Visitor) -> None:
    cookie = stranger.sign_in().headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie  # the address is http
    assert "Max-Age=28800" in cookie or "Max-Age=28799" in cookie


def test_cookie_is_secure_behind_https(build: Callable[..., World]) -> None:
    world = build(**console_settings(), PUBLIC_BASE_URL="https://router.example.com/flex")
    assert "Secure" in Visitor(world).sign_in().headers["Set-Cookie"]


# -- forms


@pytest.mark.parametrize("form", [*FORMS, "sign-in"])
@pytest.mark.parametrize("token", ["", "wrong"])
def test_form_without_its_token_is_refused(operator: Visitor, form: str, token: str) -> None:
    answer = operator.post(form, token, password=PASSWORD)
    assert answer.status_code == 403
    assert "This form is too old" in answer.text


def test_token_of_another_session_is_refused(operator: Visitor, world: World) -> None:
    other = Visitor(world)
    other.sign_in()
    assert operator.post("rules", other.token("rules")).status_code == 403


def test_huge_form_is_refused(operator: Visitor) -> None:
    assert operator.post("rules", attributes="x" * 100_000).status_code == 413


# -- roles


def test_reader_sees_every_page(reader: Visitor) -> None:
    for page in ("now", "find", "open", "stuck", "rules", "system"):
        assert reader.get(page).status_code == 200, page


def test_reader_may_not_act(reader: Visitor, world: World) -> None:
    made = world.escalate(world.customer()["conversation_sid"])
    answer = reader.post("act", act="cancel", on=str(made["id"]))
    assert (answer.status_code, world.invite(made["id"])["state"]) == (403, "pending")
    assert reader.get(f"confirm?act=cancel&on={made['id']}").status_code == 403


def test_reader_is_offered_no_acts(reader: Visitor, operator: Visitor, world: World) -> None:
    made = world.escalate(world.customer()["conversation_sid"])
    page = f"find?sid={made['id']}"
    assert "confirm?act=" not in reader.get(page).text
    assert "confirm?act=" in operator.get(page).text


def test_reader_may_try_the_rules(reader: Visitor) -> None:
    assert reader.post("rules", attributes='{"topic": "leave"}').status_code == 200


# -- headers


@pytest.mark.parametrize("page", ["now", "sign-in", "nothing-here", "static/console.js", "confirm?act=cancel&on=x"])
def test_every_answer_binds_the_browser(operator: Visitor, page: str) -> None:
    headers = operator.get(page, follow=False).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_pages_are_not_kept_and_files_are(operator: Visitor) -> None:
    assert operator.get("open").headers["Cache-Control"] == "no-store"
    assert "max-age=3600" in operator.get("static/console.css").headers["Cache-Control"]


@pytest.mark.parametrize("name", ["../pages.py", "..%2fpages.py", "%2e%2e/guard.py", "none.js"])
def test_nothing_but_the_files_is_served(operator: Visitor, name: str) -> None:
    assert operator.get(f"static/{name}").status_code == 404


# -- other ways in


def test_no_console_where_nobody_opened_it(build: Callable[..., World]) -> None:
    world = build()
    for path in ("/console", "/console/now", "/console/sign-in", "/console/static/console.css"):
        assert requests.get(world.url + path, timeout=20).status_code == 404


def test_proxy_lets_people_in(build: Callable[..., World]) -> None:
    world = build(CONSOLE_USER_HEADER="X-User", CONSOLE_USER_HEADER_TRUSTED="yes", CONSOLE_OPERATORS="ada")
    visitor = Visitor(world)
    assert visitor.get("now").status_code == 403
    assert "ada" in visitor.get("now", headers={"X-User": "ada"}).text
    assert "(looking)" in visitor.get("now", headers={"X-User": "eve"}).text
    assert visitor.get("now", headers={"X-User": "<script>"}).status_code == 403


def test_header_is_not_believed_without_the_switch(stranger: Visitor) -> None:
    assert stranger.get("now", follow=False, headers={"X-User": "ada"}).status_code == 303


def test_readonly_password_alone_opens_no_acts(build: Callable[..., World]) -> None:
    world = build(CONSOLE_READONLY_PASSWORD_HASH=cheap_hash(LOOKING))
    visitor = Visitor(world)
    assert visitor.sign_in(PASSWORD).status_code == 403
    assert visitor.sign_in(LOOKING).status_code == 303
    assert "(looking)" in visitor.get("now").text
