"""How a person gets in for the first time: the command that makes a password, and what ``run`` prints."""

import re
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from service.cli import main
from service.console.passwords import fits
from tests.e2e.test_run import Run


def test_command_makes_a_password_and_its_hash() -> None:
    printed = CliRunner().invoke(main, ["console-password"]).output
    password, hashed = (line.strip() for line in printed.splitlines() if line.startswith("  "))
    assert fits(password, hashed)


def test_command_hashes_a_password_of_ones_own() -> None:
    printed = CliRunner().invoke(main, ["console-password", "--stdin"], input="correct horse\n").output
    assert "correct horse" not in printed
    assert fits("correct horse", printed.splitlines()[-1].strip())


def test_short_password_is_refused() -> None:
    answer = CliRunner().invoke(main, ["console-password", "--stdin"], input="short\n")
    assert (answer.exit_code, "8 characters" in answer.output) == (1, True)


@pytest.mark.soak
@pytest.mark.timeout(120)
def test_printed_password_opens_the_console(tmp_path: Path) -> None:
    run = Run(tmp_path)
    try:
        run.ready()
        found = re.search(r"console +(http://\S+/console) +\(password: (\S+)\)", run.printed())
        assert found, run.printed()
        browser = requests.Session()
        page = browser.get(found[1], timeout=20)
        token = re.search(r'name="token" value="([^"]+)"', page.text)
        assert token, page.text
        form = {"token": token[1], "password": found[2]}
        assert "Sign out" in browser.post(f"{found[1]}/sign-in", data=form, timeout=20).text
        run.await_(lambda: "data-chart=" in browser.get(f"{found[1]}/now", timeout=20).text, "no minute is written", 90)
    finally:
        run.stop()
