"""An account with conversations of every kind, as it might be on the first day."""

import json
from collections.abc import Callable, Iterator
from functools import partial

import requests

from service.sandbox.world import World as Local
from tests.flow.acts import park, served
from tests.flow.world import World

TTL_S = 60


class Account:
    """Makes conversations at the local Twilio by its REST API and its agents; the service is only used to park."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.local: Local = world.sandbox.world
        self._login = (world.info["account_sid"], world.info["auth_token"])
        with self.local.turn():
            for worker in self.local.workers.values():
                for channel in worker.channels.values():
                    channel.capacity = 50

    def call(self, method: str, path: str, **form: str) -> dict:  # type: ignore[type-arg]  # free-form JSON
        url = f"{self.world.sandbox.base_url}/v1/{path}"
        answer = requests.request(method, url, data=form, auth=self._login, timeout=20)
        assert answer.ok, f"{method} {path}: {answer.text}"
        return dict(answer.json()) if answer.content else {}

    def customer(self, channel_type: str = "sms") -> str:
        return str(self.world.control("POST", "conversations", {"channel_type": channel_type})["conversation_sid"])

    def ask(self, conversation: str, workflow: str = "everyone", **properties: object) -> str:
        """The conversation comes into Flex, or somebody else is asked to it; the new task's SID."""
        wanted = {
            "workspace_sid": self.world.info["workspace_sid"],
            "workflow_sid": self.world.info["workflows"][workflow],
            "task_channel_unique_name": "chat",
            "attributes": {},
            **properties,
        }
        channels = self.local.conversations[conversation].channel_sids
        routing = as_json({"properties": wanted})
        if channels:
            channel = self.local.channels[channels[-1]]
            path = f"Interactions/{channel.interaction_sid}/Channels/{channel.sid}/Invites"
            made = self.call("POST", path, Routing=routing)
        else:
            properties_of = {"media_channel_sid": conversation}
            kind = self.local.conversations[conversation].channel_type
            described = {"type": kind, "initiated_by": "customer", "properties": properties_of}
            made = self.call("POST", "Interactions", Channel=as_json(described), Routing=routing)
        return str(made["routing"]["properties"]["sid"])

    def attended(self, by: str = "alice") -> tuple[str, str]:
        """An agent has it: conversation and task."""
        conversation = self.customer()
        task = self.ask(conversation)
        self.world.agent(by, "accept", task_sid=task)
        self.world.agent(by, "offline")  # so that nothing rings where it is not meant to
        return conversation, task

    # -- five ways to be orphaned

    def rung_out(self) -> str:
        """Nobody came in time."""
        conversation = self.customer()
        self.ask(conversation, timeout=TTL_S)
        return conversation

    def declined(self) -> str:
        """The one worker who was asked has declined."""
        conversation = self.customer("web")
        queue, worker = self.world.info["queues"]["everyone"], self.world.info["workers"]["bob"]
        task = self.ask(conversation, queue_sid=queue, worker_sid=worker)
        self.world.agent("bob", "decline", task_sid=task)
        self.world.agent("bob", "offline")
        return conversation

    def deleted(self) -> str:
        """Somebody has deleted the task."""
        conversation = self.customer()
        self.call("DELETE", f"Workspaces/{self.world.info['workspace_sid']}/Tasks/{self.ask(conversation)}")
        return conversation

    def fell_off(self) -> str:
        """No step of the workflow was left."""
        conversation = self.customer("whatsapp")
        self.ask(conversation, "transfers", attributes={"router_target": "worker", "router_worker_sid": "WK"})
        return conversation

    def handed_on(self) -> str:
        """The agent was let go for a transfer that nobody took."""
        conversation, task = self.attended("carol")
        self.ask(conversation, timeout=TTL_S)
        self.world.agent("carol", "drop", task_sid=task)
        return conversation

    # -- others

    def parked(self) -> str:
        first = served(self.world, channel_type="web")
        assert park(self.world, first).status == 200
        self.world.agent("alice", "offline")
        return str(first["conversation_sid"])

    def left(self, act: str = "leave") -> str:
        conversation, task = self.attended("dave")
        self.world.agent("dave", act, task_sid=task)
        return conversation

    def ended(self) -> str:
        conversation, task = self.attended("alice")
        self.world.agent("alice", "complete", task_sid=task)
        return conversation


def as_json(value: object) -> str:
    return json.dumps(value)


def many(make: Callable[[], str], count: int) -> list[str]:
    return [make() for _ in range(count)]


def populate(account: Account) -> Iterator[str]:
    """Two hundred conversations; those that are orphaned come out."""
    many(account.parked, 3)
    account.world.control("POST", "callbacks", {"lost": 1.0})  # it is the first day: nothing is connected yet
    for make, count in (
        (account.rung_out, 4),
        (account.declined, 4),
        (account.deleted, 3),
        (account.fell_off, 3),
        (account.handed_on, 3),
    ):
        yield from many(make, count)
    many(account.left, 3)
    many(partial(account.left, "pause"), 2)
    many(account.customer, 120)  # with a bot still
    many(account.ended, 20)
    for _ in range(10):
        account.attended("alice")
    for _ in range(25):
        account.ask(account.customer())  # waiting for somebody
    account.world.advance(200)
    account.world.control("POST", "callbacks", {"lost": 0.0})
