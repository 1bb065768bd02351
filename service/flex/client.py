"""The SDK client of this process."""

import logging

from twilio.rest import Client

from service.flex.http import BoundedHttpClient
from service.flex.tokens import MOST_CHECKS, FlexTokens
from service.settings import Settings


def http_client(settings: Settings) -> BoundedHttpClient:
    """What all calls of one process go through. Make it after a fork: its connections must not be shared."""
    return BoundedHttpClient(base_url=settings.twilio_base_url, connections=settings.twilio_concurrency)


def twilio_client(settings: Settings, http: BoundedHttpClient | None = None) -> Client:
    """An SDK client on our own HTTP client: ``http``, or one of its own."""
    logging.getLogger("twilio.http_client").setLevel(logging.WARNING)  # at INFO it prints parameters
    user, password = settings.twilio_login
    return Client(  # type: ignore[no-untyped-call]  # the SDK's constructor is not annotated
        user,
        password,
        settings.twilio_account_sid,
        region=settings.twilio_region,
        edge=settings.twilio_edge,
        http_client=http or http_client(settings),
    )


def flex_tokens(settings: Settings) -> FlexTokens:
    """The check of Flex users' tokens, by the account's own auth token. May be made before a fork."""
    return FlexTokens(
        (settings.twilio_account_sid, settings.twilio_auth_token),
        base_url=settings.twilio_base_url,
        region=settings.twilio_region,
        checks=min(MOST_CHECKS, max(1, settings.web_threads // 4)),
    )
