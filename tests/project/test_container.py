"""Facts about the image and the compose file that keep them safe; whether they are well formed is the linters' work."""

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.intake.door import EVENT_BYTES
from service.intake.keys import parse_keys
from service.sandbox.server import SandboxOptions
from service.sandbox.sids import named_sid

OURS = ("web", "reconcile", "sandbox")
ALL = (*OURS, "redis", "proxy")


@pytest.fixture(scope="module")
def dockerfile(repository: Path) -> str:
    return (repository / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def compose(repository: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((repository / "docker-compose.yml").read_text())
    return loaded


def default_of(text: str) -> str:
    """What compose puts in for ``${NAME:-default}`` where nothing at all is set."""
    innermost = re.sub(r"\$\{\w+:\+[^{}]*\}", "", text)
    return re.sub(r"\$\{\w+:?-([^{}]*)\}", r"\1", innermost)


def with_account(text: str) -> str:
    """The same where only TWILIO_ACCOUNT_SID is set."""
    return default_of(re.sub(r"\$\{TWILIO_ACCOUNT_SID:\+([^{}]*)\}", r"\1", text))


def test_image_runs_as_nobody_special(dockerfile: str) -> None:
    final = dockerfile.rsplit("\nFROM ", 1)[1]
    assert re.findall(r"^USER (.*)$", final, re.MULTILINE) == ["10001:10001"]


def test_image_base_is_pinned_by_tag(dockerfile: str) -> None:
    bases = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    assert all(re.fullmatch(r"python:3\.\d+-slim-\w+", base) for base in bases)


def test_image_starts_commands_in_exec_form(dockerfile: str) -> None:
    started = re.findall(r"^\s*(?:ENTRYPOINT|CMD) (.)", dockerfile, re.MULTILINE)
    assert started == ["[", "[", "["]


def test_image_installs_only_hashed_packages(dockerfile: str) -> None:
    installs = re.findall(r"pip install ([^&\n]*)", dockerfile)
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)
    assert len(installs) == 2


def test_builder_is_sent_no_secrets(repository: Path) -> None:
    lines = (repository / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {"config/*.env", "config/sandbox"} <= set(rules)


@pytest.mark.parametrize("name", ALL)
def test_service_is_locked_down(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"stop_grace_period", "mem_limit", "pids_limit"} <= service.keys()


@pytest.mark.parametrize("name", ALL)
def test_ports_are_published_on_loopback(compose: dict[str, Any], name: str) -> None:
    ports = compose["services"][name].get("ports", [])
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_store_never_evicts_and_appends(compose: dict[str, Any]) -> None:
    command = compose["services"]["redis"]["command"]
    settings = dict(zip(command[1::2], command[2::2], strict=True))
    assert settings["--maxmemory-policy"] == "noeviction"
    assert (settings["--appendonly"], settings["--appendfsync"]) == ("yes", "everysec")


def test_store_cannot_be_reached_from_outside(compose: dict[str, Any]) -> None:
    store = compose["services"]["redis"]
    assert "ports" not in store
    assert store["networks"] == ["inner"]
    assert compose["networks"]["inner"] == {"internal": True}


def test_store_data_outlive_the_container(compose: dict[str, Any]) -> None:
    assert compose["services"]["redis"]["volumes"] == ["redis-data:/data"]


def test_rules_of_the_web_process_have_their_tests_beside_them(compose: dict[str, Any]) -> None:
    """Both from this machine: the image has tests of its own, which would be tried on rules that they do not know."""
    mounted = [str(one).split(":")[:2] for one in compose["services"]["web"]["volumes"]]
    assert mounted == [[f"./config/{name}", f"/app/config/{name}"] for name in ("rules.yaml", "rules.test.yaml")]


@pytest.mark.parametrize("name", OURS)
def test_no_secret_stands_in_environment(compose: dict[str, Any], name: str) -> None:
    given = compose["services"][name].get("environment", {}).keys()
    assert given & {"TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_SECONDARY", "TWILIO_API_SECRET", "API_KEYS"} == set()


def test_sandbox_runs_in_its_profile_only(compose: dict[str, Any]) -> None:
    profiles = {name: service.get("profiles") for name, service in compose["services"].items()}
    assert {name for name, given in profiles.items() if given} == {"sandbox"}


def test_defaults_are_those_of_the_sandbox(repository: Path, compose: dict[str, Any]) -> None:
    environment = compose["services"]["web"]["environment"]
    options = SandboxOptions()
    token = repository / default_of(compose["secrets"]["twilio_auth_token"]["file"])
    assert default_of(environment["TWILIO_ACCOUNT_SID"]) == options.account_sid
    assert default_of(environment["TWILIO_BASE_URL"]) == "http://sandbox:8090"
    assert token.read_text().strip() == options.auth_token
    assert default_of(environment["TWILIO_WORKSPACE_SID"]) == named_sid("WS", "workspace")


def test_sandbox_hands_out_a_working_key(repository: Path, compose: dict[str, Any]) -> None:
    command = compose["services"]["sandbox"]["command"]
    name, secret = command[command.index("--service-api-key") + 1].split(".", 1)
    (key,) = parse_keys((repository / default_of(compose["secrets"]["api_keys"]["file"])).read_text())
    assert (key.id, key.digest) == (name, hashlib.sha256(secret.encode()).digest())


@pytest.mark.parametrize("secret", ["twilio_auth_token", "api_keys"])
def test_known_secrets_never_guard_accounts(repository: Path, compose: dict[str, Any], secret: str) -> None:
    file = compose["secrets"][secret]["file"]
    assert (repository / default_of(file)).exists()
    assert not (repository / with_account(file)).exists()


def test_proxy_passes_bodies_as_large_as_the_service_reads(repository: Path) -> None:
    config = (repository / "config" / "proxy" / "nginx.conf").read_text()
    limits = re.findall(r"client_(?:max_body|body_buffer)_size +(\d+)k;", config)
    assert [int(limit) * 1024 for limit in limits] == [EVENT_BYTES] * 2
