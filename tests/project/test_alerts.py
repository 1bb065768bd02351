"""Alert rules and dashboard: every expression is PromQL, and names metrics and labels that the service shows."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import pytest
import yaml

from service.metrics.families import FAMILIES
from service.reconcile.loop import Reconciler

CONFIG = Path(__file__).parent.parent.parent / "config"
NOT_OURS = {"up": {"job", "instance"}}  # Prometheus itself makes it
ON_ALL = {"job", "instance", "le"}
HISTOGRAM_PARTS = ("_bucket", "_count", "_sum")

ALERTS = yaml.safe_load((CONFIG / "prometheus" / "alerts.yaml").read_text())["groups"][0]["rules"]
PANELS = json.loads((CONFIG / "grafana" / "dashboard.json").read_text())["panels"]
EXPRESSIONS = [(alert["alert"], alert["expr"]) for alert in ALERTS] + [
    (f"{panel['title']} {target['refId']}", target["expr"]) for panel in PANELS for target in panel["targets"]
]

every_expression = pytest.mark.parametrize(
    "text", [text for _, text in EXPRESSIONS], ids=[name for name, _ in EXPRESSIONS]
)


def parsed(text: str) -> object:
    """The expression's tree. Raises ValueError if it is no PromQL. Grafana puts in the interval."""
    return promql_parser.parse(text.replace("$__rate_interval", "5m"))


def nodes(tree: object) -> Iterator[object]:
    """The tree's nodes; what the parser hands out are plain objects with attributes."""
    yield tree
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        inner = getattr(tree, name, None)
        if inner is not None:
            yield from nodes(inner)
    for argument in getattr(tree, "args", None) or ():
        yield from nodes(argument)


def selectors(text: str) -> list[promql_parser.VectorSelector]:
    return [node for node in nodes(parsed(text)) if isinstance(node, promql_parser.VectorSelector)]


def labels_of(name: str) -> set[str]:
    """The labels of a metric that exists. Raises KeyError otherwise, also for a histogram as a whole."""
    if name in NOT_OURS:
        return NOT_OURS[name]
    shown = {
        family.name + part: {*family.labels} | ON_ALL
        for family in FAMILIES.values()
        for part in (HISTOGRAM_PARTS if family.kind == "histogram" else ("",))
    }
    return shown[name]


@every_expression
def test_expression_names_what_exists(text: str) -> None:
    found = selectors(text)
    assert found
    for selector in found:
        assert {matcher.name for matcher in selector.matchers.matchers} <= labels_of(str(selector.name)), selector.name


def grouped_by(text: str) -> set[str]:
    """The labels by which an expression adds up."""
    return {label.strip() for found in re.findall(r"\bby \(([^)]*)\)", text) for label in found.split(",")}


@every_expression
def test_expression_is_grouped_by_labels_that_exist(text: str) -> None:
    assert grouped_by(text) <= {label for selector in selectors(text) for label in labels_of(str(selector.name))}


@every_expression
def test_no_name_escapes_the_parser(text: str) -> None:
    """What is walked through is all that is written."""
    assert {str(selector.name) for selector in selectors(text)} >= set(re.findall(r"\bflex_router_\w+", text))


@every_expression
def test_counters_are_only_read_as_rates(text: str) -> None:
    for node in nodes(parsed(text)):
        if isinstance(node, promql_parser.Call) and node.func.name in ("rate", "increase"):
            continue
        for argument in [*(getattr(node, "args", None) or ()), getattr(node, "expr", None)]:
            if isinstance(argument, promql_parser.VectorSelector):
                assert not str(argument.name).endswith(("_total", "_bucket", "_count", "_sum")), argument.name


@pytest.mark.parametrize(
    "wrong", ["flex_router_nonsense", "flex_router_open_records_bucket", "flex_router_store_call_duration_seconds"]
)
def test_unknown_metric_is_found_out(wrong: str) -> None:
    with pytest.raises(KeyError):
        labels_of(str(selectors(f"sum(rate({wrong}[5m]))")[0].name))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_alert_says_what_to_do(alert: dict[str, dict[str, str]]) -> None:
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert len(alert["annotations"]["summary"]) < 100
    assert len(alert["annotations"]["description"]) > 40


def test_every_alert_has_its_test() -> None:
    text = (CONFIG / "prometheus" / "alerts.test.yaml").read_text()
    assert [alert["alert"] for alert in ALERTS if f'alertname="{alert["alert"]}"' not in text] == []


def test_longest_wait_of_the_catch_up_is_below_its_alert() -> None:
    """It runs every minute by default; the alert is for the case that it does not run at all."""
    (expression,) = [alert["expr"] for alert in ALERTS if alert["alert"] == "FlexRouterCatchUpStands"]
    threshold = int(re.findall(r"> (\d+)", expression)[0])
    assert Reconciler.catch_up_every_s * 10 <= threshold


def test_panels_do_not_overlap() -> None:
    places = [tuple(panel["gridPos"].values()) for panel in PANELS]
    assert len({(x, y) for x, y, *_ in places}) == len(PANELS)
    assert {panel["id"] for panel in PANELS} == set(range(1, len(PANELS) + 1))


def test_alerts_ring_for_their_faults_only() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (on Debian and Ubuntu it comes with the package prometheus)")
    for command in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]):
        folder = CONFIG / "prometheus"
        done = subprocess.run([promtool, *command], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
