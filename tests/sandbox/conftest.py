"""A started local Twilio, words to talk to it, and a place that receives its callbacks: all over real HTTP."""

from collections.abc import Iterator

import pytest

from service.sandbox.server import RunningSandbox, SandboxOptions, start_sandbox
from tests.sandbox.calls import Caller
from tests.sandbox.receiver import Receiver


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    running = start_sandbox(SandboxOptions(port=0, service_api_key="key.of-the-service"))
    yield running
    running.close()


@pytest.fixture
def caller(sandbox: RunningSandbox) -> Caller:
    return Caller(sandbox.base_url)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.close()
