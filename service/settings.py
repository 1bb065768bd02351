"""Environment → one frozen ``Settings``, or every fault at once. The only place that reads environment variables.

Each secret may also be given as a file: ``TWILIO_AUTH_TOKEN_FILE=/run/secrets/token``. Faults name the variable
and what is allowed, never the value.
"""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from service.errors import ConfigurationError


def _web_address(text: str) -> str:
    if not _ADDRESS.fullmatch(text) or not _has_port_that_can_be(text):
        raise ValueError("must be an http(s) address without query or fragment, like https://router.example.com")
    scheme, rest = text.split("://", 1)
    return f"{scheme.lower()}://{rest.rstrip('/')}"


def _has_port_that_can_be(text: str) -> bool:
    try:
        return urlsplit(text).port != 0
    except ValueError:
        return False


# signatures are checked against it, see intake.signatures: of what does not fit there, all that Twilio sends is refused
_ADDRESS = re.compile(
    r"https?://([^/?#@\s]*@)?([^/?#:@\[\]\s]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(/[^?#\s]*)?", re.IGNORECASE
)


_LEVEL = "(DEBUG|INFO|WARNING|ERROR)"
_LEVELS = re.compile(rf"{_LEVEL}(,service(\.[a-z_]+)*={_LEVEL})*")
_REDIS = re.compile(
    r"(rediss?|unix)://.*|rediss?\+sentinel://[^/?]+/[^/?]+(/[0-9]*)?(\?.*)?|rediss?\+cluster://[^/?]+/?0?"
)


def _redis_address(text: str) -> str:
    if not _REDIS.fullmatch(text):
        raise ValueError(
            "must begin with redis://, rediss:// or unix://, or be redis+sentinel://host,host/service "
            "or redis+cluster://host,host"
        )
    return text


def _log_levels(text: str) -> str:
    if not _LEVELS.fullmatch(text):
        raise ValueError(
            "must be DEBUG, INFO, WARNING or ERROR; others for parts of the service may follow, "
            "like INFO,service.reconcile=DEBUG"
        )
    return text


def _origins(text: str) -> str:
    names = text.replace(",", " ").split()
    if not all(_ORIGIN.fullmatch(name) for name in names):
        raise ValueError("must be origins like https://flex.twilio.com, without a path, separated by spaces or commas")
    return " ".join(names)


_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")

Origins = Annotated[str, AfterValidator(_origins)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
RedisAddress = Annotated[str, AfterValidator(_redis_address)]
LogLevels = Annotated[str, AfterValidator(_log_levels)]
Secret = Annotated[str, StringConstraints(min_length=1)]
PasswordHash = Annotated[
    str, StringConstraints(pattern=r"^scrypt\.[0-9]{4,7}\.[0-9]{1,2}\.[0-9]{1,2}\.[0-9a-f]{32}\.[0-9a-f]{64}$")
]
AccountSid = Annotated[str, StringConstraints(pattern=r"^AC[0-9a-fA-F]{32}$")]
ApiKeySid = Annotated[str, StringConstraints(pattern=r"^SK[0-9a-fA-F]{32}$")]
WorkspaceSid = Annotated[str, StringConstraints(pattern=r"^WS[0-9a-fA-F]{32}$")]


class Settings(BaseModel):
    """Every setting of the service. Field names are the variable names in lower case; descriptions feed the docs."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    twilio_account_sid: AccountSid = Field(description="Account SID (AC…)")
    twilio_auth_token: Secret = Field(
        description="Primary auth token: checks webhook signatures, and calls the REST API when no API key is given",
        repr=False,
    )
    twilio_auth_token_secondary: Secret | None = Field(
        None,
        description="Also accepted for signatures while a token is being rotated",
        repr=False,
    )
    twilio_api_key: ApiKeySid | None = Field(None, description="API key SID (SK…) for REST calls")
    twilio_api_secret: Secret | None = Field(None, description="Secret of that API key", repr=False)
    twilio_workspace_sid: WorkspaceSid = Field(description="The Flex TaskRouter workspace (WS…)")
    twilio_base_url: WebAddress | None = Field(
        None,
        description="Send all REST calls here instead of to Twilio (the sandbox)",
    )
    twilio_region: str | None = Field(None, pattern="^[a-z0-9]{2,8}$", description="Twilio region, for example ie1")
    twilio_edge: str | None = Field(None, pattern="^[a-z0-9-]{2,24}$", description="Twilio edge, for example dublin")
    public_base_url: WebAddress = Field(
        description="The address under which Twilio reaches this service, with any path prefix: signatures are "
        "checked against it",
    )
    redis_url: RedisAddress = Field(
        description="redis://, rediss:// or unix:// address of the store; redis+sentinel://host,host/service or "
        "redis+cluster://host,host for several servers",
        repr=False,
    )
    rules_file: Path = Field(Path("config/rules.yaml"), description="The rules")
    rules_aliases: Path | None = Field(
        None, description="An alias file: what the names in the rules are called in this workspace"
    )
    api_keys: str = Field(
        "",
        description="Keys of the apps that may call: `id:sha256hex:scope+scope`, separated by spaces or commas; "
        "`flex-router keys new` makes one",
        repr=False,
    )
    flex_origins: Origins = Field(
        "https://flex.twilio.com",
        description="Pages whose Flex plugins may call from a browser: origins, separated by spaces or commas",
    )
    close_grace_s: float = Field(
        10,
        ge=0,
        le=3600,
        description="How long a lapsed invite rests before its channel is looked at",
    )
    look_every_s: float = Field(
        300,
        ge=1,
        le=86_400,
        description="How often an open invite is compared with Twilio even if no event came",
    )
    parked_look_every_s: float = Field(
        900,
        ge=1,
        le=86_400,
        description="How often a parked conversation is compared with Twilio, in case its wake-up call was lost",
    )
    catch_up_every_s: float = Field(
        60,
        ge=1,
        le=3600,
        description="How often the Events API is read for callbacks that were lost",
    )
    settle_s: float = Field(
        20,
        ge=1,
        le=600,
        description="How long a create whose answer was lost is looked for before it is tried again",
    )
    request_budget_s: float = Field(
        8,
        ge=1,
        le=9.5,
        description="Within this time every request is answered; Studio gives up after 10 s",
    )
    idempotency_window_s: int = Field(
        93_600,
        ge=600,
        le=2_592_000,
        description="How long a finished invite and its idempotency key are remembered",
    )
    twilio_concurrency: int = Field(16, ge=1, le=256, description="Twilio calls under way at once, per process")
    log_level: LogLevels = Field(
        "INFO", description="Least level that is logged; for parts after it: `INFO,service.reconcile=DEBUG`"
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="`json`: one object a line; `console`: text for people"
    )
    host: str = Field("127.0.0.1", min_length=1, description="Address the web process listens on")
    port: int = Field(8080, ge=1, le=65_535, description="Port the web process listens on")
    web_threads: int = Field(32, ge=2, le=512, description="Requests that one worker process of web handles at once")
    tracing: bool = Field(False, description="Send spans by OpenTelemetry; needs the extra `tracing`")
    metrics_port: int = Field(
        0, ge=0, le=65_535, description="Port on which the reconcile process shows its metrics; 0: on none"
    )
    metrics_host: str = Field("127.0.0.1", min_length=1, description="Address for that port")
    data_dir: Path = Field(Path(".data"), description="Where `flex-router run` keeps its embedded store")
    console_password_hash: PasswordHash | None = Field(
        None,
        description="Opens /console to operators; `flex-router console-password` prints one",
        repr=False,
    )
    console_readonly_password_hash: PasswordHash | None = Field(
        None, description="The same for people who may look and not act", repr=False
    )
    console_user_header: str | None = Field(
        None,
        pattern="^[A-Za-z][A-Za-z0-9-]{1,63}$",
        description="Header in which a proxy that has signed people in names them; opens /console to them",
    )
    console_user_header_trusted: Literal["no", "yes"] = Field(
        "no", description="`yes`: the proxy removes that header from what comes in, and nobody reaches us without it"
    )
    console_operators: str = Field(
        "",
        description="Of the people whom that header names, those who may act, separated by spaces or commas; "
        "empty: all",
    )
    console_session_s: int = Field(
        28_800, ge=300, le=86_400, description="How long a person stays signed in to the console"
    )

    @property
    def auth_tokens(self) -> tuple[str, ...]:
        """The tokens a webhook may be signed with; the primary first."""
        return tuple(token for token in (self.twilio_auth_token, self.twilio_auth_token_secondary) if token)

    @property
    def flex_pages(self) -> tuple[str, ...]:
        """The origins of FLEX_ORIGINS."""
        return tuple(self.flex_origins.split())

    @property
    def twilio_login(self) -> tuple[str, str]:
        """User and password for REST calls: the API key where given, else the account with its token."""
        if self.twilio_api_key and self.twilio_api_secret:
            return self.twilio_api_key, self.twilio_api_secret
        return self.twilio_account_sid, self.twilio_auth_token


# Names that only we would use: something close to one of them is a slip of the hand, and not another program's.
DISTINCT = (
    "TWILIO_",
    "PUBLIC_",
    "REDIS_URL",
    "RULES_",
    "CLOSE_",
    "LOOK_",
    "PARKED_",
    "CATCH_",
    "SETTLE_",
    "REQUEST_",
    "FLEX_",
    "IDEMPOT",
    "CONSOLE_",
)
SECRETS = (
    "TWILIO_AUTH_TOKEN",
    "TWILIO_AUTH_TOKEN_SECONDARY",
    "TWILIO_API_SECRET",
    "REDIS_URL",
    "API_KEYS",
    "CONSOLE_PASSWORD_HASH",
    "CONSOLE_READONLY_PASSWORD_HASH",
)
NAMES = tuple(name.upper() for name in Settings.model_fields)


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read ``environ``. Raises ConfigurationError with all faults: missing, malformed, unreadable, mistyped."""
    values, faults = _values(environ)
    faults += _mistyped(environ)
    settings = None
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        faults += [
            _fault(item["loc"], item["type"], item["msg"], values)
            for item in error.errors(include_input=False, include_url=False)
        ]
    if bool(values.get("twilio_api_key")) != bool(values.get("twilio_api_secret")):
        faults.append("TWILIO_API_KEY and TWILIO_API_SECRET must be given together")
    if settings is not None and settings.settle_s <= settings.request_budget_s:
        faults.append("SETTLE_S must be greater than REQUEST_BUDGET_S, or a call under way would be made again")
    if settings is not None and bool(settings.console_user_header) != (settings.console_user_header_trusted == "yes"):
        faults.append("CONSOLE_USER_HEADER and CONSOLE_USER_HEADER_TRUSTED=yes must be given together")
    if faults or settings is None:
        raise ConfigurationError(tuple(dict.fromkeys(faults)))
    return settings


def _values(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    faults: list[str] = []
    for name in NAMES:
        if environ.get(name):
            values[name.lower()] = environ[name]
    for name in SECRETS:
        path = environ.get(f"{name}_FILE")
        if path and name.lower() in values:
            faults.append(f"{name} and {name}_FILE are both given; keep one")
        elif path:
            try:
                values[name.lower()] = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                faults.append(f"{name}_FILE cannot be read ({type(error).__name__})")
                values[name.lower()] = "unreadable"
    return values, faults


def _mistyped(environ: Mapping[str, str]) -> list[str]:
    """Names that nearly are ours: a mistyped variable would otherwise be ignored without a word."""
    known = {*NAMES, *(f"{name}_FILE" for name in SECRETS)}
    faults = []
    for name in environ:
        if name in known or "_" not in name:
            continue
        near = difflib.get_close_matches(name, [ours for ours in known if ours.startswith(DISTINCT)], n=1, cutoff=0.92)
        if near and not environ.get(near[0]):
            faults.append(f"{name} is not a setting; did you mean {near[0]}?")
    return faults


def _fault(loc: tuple[int | str, ...], kind: str, message: str, values: Mapping[str, str]) -> str:
    name = str(loc[0]).upper() if loc else "settings"
    if kind == "missing":
        return f"{name} is required"
    if values.get(str(loc[0]) if loc else "") == "unreadable":
        return f"{name}_FILE did not give a usable value"
    message = message.removeprefix("Value error, ")
    return f"{name}: {message[:1].lower()}{message[1:]}"
