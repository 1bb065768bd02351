"""The page about the local Twilio names every address and act that it has, and no other."""

import re
from pathlib import Path

import pytest
import requests

from service.sandbox.acts import ACTS
from service.sandbox.server import SandboxOptions, start_sandbox


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs" / "reference" / "local-twilio.md").read_text(encoding="utf-8")


def test_page_names_every_control_address(page: str) -> None:
    sandbox = start_sandbox(SandboxOptions(port=0))
    try:
        listed = requests.get(f"{sandbox.base_url}/", timeout=10).json()["control"]
    finally:
        sandbox.close()
    served = {re.sub(r"<[a-z_]+>", "{}", one.split(" ")[1]) for one in listed}
    named = {re.sub(r"\{[A-Za-z]+\}", "{}", one) for one in re.findall(r"/sandbox/v1/[\w/{}]+", page)}
    assert named == served


def test_page_names_every_act(page: str) -> None:
    acts = page[page.index("Acts:") : page.index("Workers begin")]
    assert set(re.findall(r"`([a-z_]+)`", acts)) - {"inactive"} == set(ACTS)
