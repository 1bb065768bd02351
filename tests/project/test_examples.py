"""The examples of docs/ do what they say, against the running service and the local Twilio."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from service.tracking.embedded import EmbeddedStore
from tests.conftest import sid
from tests.flow.acts import agents, served, sid_of
from tests.flow.conftest import RULES
from tests.flow.world import Answer, World

INSTALL_S = 60


@pytest.fixture(scope="module")
def examples() -> Path:
    return Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def world(embedded: EmbeddedStore, client: "redis.Redis", tmp_path: Path) -> Any:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    running = World(embedded.url, str(rules))
    yield running
    running.close()


# -- the Studio flow


@pytest.fixture(scope="module")
def flow(examples: Path) -> dict[str, Any]:
    return dict(json.loads((examples / "studio" / "escalation.json").read_text(encoding="utf-8")))


def render(text: str, values: dict[str, str]) -> str:
    """Liquid as far as the flow uses it: a name, and the filters downcase, strip and to_json."""
    filters: dict[str, Callable[[str], str]] = {"downcase": str.lower, "strip": str.strip, "to_json": json.dumps}

    def value(found: re.Match[str]) -> str:
        name, *wanted = (part.strip() for part in found[1].split("|"))
        result = values[name]
        for one in wanted:
            result = filters[one](result)
        return result

    return re.sub(r"\{\{(.*?)\}\}", value, text)


def test_flow_leads_from_its_trigger_to_every_widget(flow: dict[str, Any]) -> None:
    states = {state["name"]: state for state in flow["states"]}
    reached, ahead = set(), [flow["initial_state"]]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += [one["next"] for one in states[name]["transitions"] if "next" in one]
    assert reached == set(states)
    assert len(states) == len(flow["states"])


def test_second_request_of_the_flow_is_the_first(flow: dict[str, Any]) -> None:
    first, second = (state["properties"] for state in flow["states"] if state["type"] == "make-http-request")
    assert {**first, "offset": None} == {**second, "offset": None}


@pytest.mark.parametrize(
    ("typed", "rule"), [(" Billing ", "billing"), ('my "card", }{', "default")], ids=["a topic", "quotes"]
)
def test_flow_escalates(world: World, flow: dict[str, Any], typed: str, rule: str) -> None:
    widgets = [state["properties"] for state in flow["states"] if state["type"] == "make-http-request"]
    values = {
        "trigger.conversation.ConversationSid": world.customer()["conversation_sid"],
        "flow.sid": sid("FN", 1),
        "widgets.ask.inbound.Body": typed,
    }
    answers = [play(world, widget, values) for widget in widgets]
    assert [answer.status for answer in answers] == [201, 200]
    assert (answers[0]["rule"], answers[0]["id"]) == (rule, answers[1]["id"])


def play(world: World, widget: dict[str, Any], values: dict[str, str]) -> Answer:
    """The widget's request as Studio makes it."""
    assert widget["url"] == "https://router.example.com/v1/escalations"
    return world.studio(render(widget["body"], values).encode(), widget["content_type"])


# -- the Flex plugin


@pytest.fixture(scope="module")
def built(examples: Path, request: pytest.FixtureRequest) -> Path:
    """The plugin's modules as JavaScript, once its types have been checked."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not here")
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("flex-plugin")
    shutil.copytree(examples / "flex-plugin", folder, dirs_exist_ok=True)
    compiler = folder / "node_modules" / "typescript" / "bin" / "tsc"
    if not compiler.exists():
        install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0"]
        try:
            done = subprocess.run(install, cwd=folder, capture_output=True, timeout=INSTALL_S, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("npm does not get TypeScript in time")
        if done.returncode != 0:
            pytest.skip("npm cannot get TypeScript here")
    checked = subprocess.run([node, compiler], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout
    (folder / "build" / "package.json").write_text('{"type": "module"}')
    return folder / "build"


STORY = """
import { buttons } from "%(module)s/buttons.js";
const told = JSON.parse(process.argv[2]);
const manager = {
  store: { getState: () => ({ flex: { session: { ssoTokenPayload: { token: told.token } } } }) },
  workerClient: { sid: told.worker },
};
const press = buttons(manager, told.url);
const task = { attributes: { conversationSid: told.conversation } };
const invite = await press.transfer(task, { worker: "bob" });
const canceled = await press.cancel(invite);
const parked = await press.park(task, 3600);
let refused = null;
try {
  await press.transfer(task, { queue: "billing" });
} catch (problem) {
  refused = [problem.status, problem.detail];
}
console.log(JSON.stringify({ invite, canceled, parked, refused }));
"""


@pytest.mark.timeout(INSTALL_S + 120)
def test_plugin_transfers_cancels_and_parks(world: World, built: Path, tmp_path: Path) -> None:
    first = served(world)
    given = world.control("POST", "agents/alice/token", {"roles": ["agent"]})
    told = {
        "url": world.url,
        "token": given["token"],
        "worker": sid_of(world, "alice"),
        "conversation": first["conversation_sid"],
    }
    story = tmp_path / "story.mjs"
    story.write_text(STORY % {"module": built.as_uri()})
    run = ["node", str(story), json.dumps(told)]
    played = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert played.returncode == 0, played.stderr
    result = json.loads(played.stdout)
    assert (result["canceled"], result["parked"]) == ("canceled", "parked")
    assert result["refused"] == [403, "you do not attend this conversation"]
    assert world.invite(result["invite"])["asked_by"] == f"flex:{told['worker']}"
    assert agents(world, first) == []
