"""Settings: all faults at once, no value repeated, secrets also from files."""

from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.settings import Settings, load_settings
from tests.conftest import sid

GOOD = {
    "TWILIO_ACCOUNT_SID": sid("AC", 1),
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_WORKSPACE_SID": sid("WS", 1),
    "PUBLIC_BASE_URL": "https://router.example.com/flex/",
    "REDIS_URL": "redis://localhost",
}


def faults(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ)
    return "\n".join(caught.value.faults)


def test_good_settings_load_with_defaults() -> None:
    settings = load_settings(GOOD)
    assert (settings.close_grace_s, settings.port, settings.public_base_url) == (
        10,
        8080,
        "https://router.example.com/flex",
    )


def test_all_faults_are_told_at_once() -> None:
    told = faults({"PORT": "0", "LOG_LEVEL": "LOUD", "REDIS_URL": "http://x"})
    for name in (
        "TWILIO_ACCOUNT_SID",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_WORKSPACE_SID",
        "PUBLIC_BASE_URL",
        "PORT",
        "LOG_LEVEL",
        "REDIS_URL",
    ):
        assert name in told


def test_empty_variable_counts_as_missing() -> None:
    assert "TWILIO_AUTH_TOKEN is required" in faults(GOOD | {"TWILIO_AUTH_TOKEN": ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TWILIO_ACCOUNT_SID", "AC-secret"),
        ("REDIS_URL", "secret://user:secret@host"),
        ("PUBLIC_BASE_URL", "https://host/?secret"),
        ("PUBLIC_BASE_URL", "https://host:secret"),
        ("PUBLIC_BASE_URL", "https://host:70000/secret"),
        ("PUBLIC_BASE_URL", "https://user:p@secret@host"),
        ("CLOSE_GRACE_S", "secret"),
        ("TWILIO_API_KEY", "secret"),
    ],
)
def test_fault_never_repeats_the_value(name: str, value: str) -> None:
    told = faults(GOOD | {name: value})
    assert name in told
    assert "secret" not in told


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("TWILIO_AUTHTOKEN", "TWILIO_AUTH_TOKEN"),
        ("CLOSE_GRACE_SEC", "CLOSE_GRACE_S"),
        ("PUBLIC_BASEURL", "PUBLIC_BASE_URL"),
        ("REDIS_URL_FILES", "REDIS_URL_FILE"),
    ],
)
def test_mistyped_name_is_told(wrong: str, right: str) -> None:
    environ = {name: value for name, value in GOOD.items() if name != right}
    assert f"{wrong} is not a setting; did you mean {right}?" in faults(environ | {wrong: "1"})


def test_foreign_variables_are_left_alone() -> None:
    assert load_settings(GOOD | {"HOME": "/root", "TWILIO_LOG": "x", "PATH": "/bin"}).port == 8080


def test_secret_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("from-file\n")
    environ = {name: value for name, value in GOOD.items() if name != "TWILIO_AUTH_TOKEN"}
    assert load_settings(environ | {"TWILIO_AUTH_TOKEN_FILE": str(path)}).twilio_auth_token == "from-file"


def test_missing_secret_file_is_told() -> None:
    environ = {name: value for name, value in GOOD.items() if name != "TWILIO_AUTH_TOKEN"}
    assert "TWILIO_AUTH_TOKEN_FILE cannot be read" in faults(environ | {"TWILIO_AUTH_TOKEN_FILE": "/nowhere"})


def test_secret_in_both_places_is_told(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("x")
    assert "keep one" in faults(GOOD | {"TWILIO_AUTH_TOKEN_FILE": str(path)})


@pytest.mark.parametrize("given", ["TWILIO_API_KEY", "TWILIO_API_SECRET"])
def test_half_an_api_key_is_told(given: str) -> None:
    value = sid("SK", 1) if given == "TWILIO_API_KEY" else "x"
    assert "must be given together" in faults(GOOD | {given: value})


def test_settling_outlasts_a_request() -> None:
    assert "SETTLE_S must be greater" in faults(GOOD | {"SETTLE_S": "5", "REQUEST_BUDGET_S": "6"})


def test_api_key_is_used_for_rest_calls() -> None:
    settings = load_settings(GOOD | {"TWILIO_API_KEY": sid("SK", 1), "TWILIO_API_SECRET": "s"})
    assert settings.twilio_login == (sid("SK", 1), "s")
    assert load_settings(GOOD).twilio_login == (sid("AC", 1), "token")


def test_secrets_stay_out_of_the_repr() -> None:
    secret = {"TWILIO_AUTH_TOKEN": "tok-secret", "REDIS_URL": "redis://:pw-secret@h", "API_KEYS": "a-secret"}
    assert "secret" not in repr(load_settings(GOOD | secret | {"TWILIO_AUTH_TOKEN_SECONDARY": "two-secret"}))


@pytest.mark.parametrize("levels", ["DEBUG", "INFO,service.reconcile=DEBUG", "ERROR,service=INFO,service.flex=DEBUG"])
def test_log_level_may_name_parts(levels: str) -> None:
    assert load_settings(GOOD | {"LOG_LEVEL": levels}).log_level == levels


@pytest.mark.parametrize(
    "levels", ["info", "INFO,", "INFO,twilio=DEBUG", "service.flex=DEBUG", "INFO,service.flex=LOUD"]
)
def test_other_log_levels_are_refused(levels: str) -> None:
    assert "LOG_LEVEL: must be DEBUG, INFO, WARNING or ERROR" in faults(GOOD | {"LOG_LEVEL": levels})


def test_documented_table_equals_the_settings(repository: Path) -> None:
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, info in Settings.model_fields.items():
        default = "**required**" if info.is_required() else "" if info.default in (None, "") else f"`{info.default}`"
        rows.append(f"| `{name.upper()}` | {default} | {info.description} |")
    assert "\n".join(rows) in (repository / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("given", ["HTTPS://router.example.com/flex/", "https://router.example.com/flex"])
def test_public_address_is_kept_in_one_form(given: str) -> None:
    assert load_settings(GOOD | {"PUBLIC_BASE_URL": given}).public_base_url == "https://router.example.com/flex"
