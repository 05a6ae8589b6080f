"""Grafana takes the dashboards: what it would only show as an error or as an empty panel."""

from __future__ import annotations

import copy
import json
from itertools import combinations
from pathlib import Path
from typing import Any

import make_dashboards
import promql
import pytest
import yaml
from dashboard_queries import RULES
from support.metric_catalogue import Metric, read_catalogue

Json = dict[str, Any]

INFRA = Path(__file__).resolve().parents[3] / "infra"
FILES = sorted((INFRA / "grafana" / "dashboards").glob("*.json"))
UNITS = {
    *("short", "s", "bytes", "Bps", "percentunit", "reqps", "celsius", "watt", "sci"),
}
# Of Prometheus itself.
OWN = {"up": {"instance", "job"}, "ALERTS": {"instance", "job", "alertstate", "alertname"}}


def problems(board: Json, metrics: dict[str, Metric]) -> list[str]:
    """What is wrong with a dashboard; empty for one that can be shown."""
    found: list[str] = []
    panels: list[Json] = board["panels"]
    if not str(board.get("uid", "")).startswith("mlx-hub-"):
        found.append(f"uid {board.get('uid')!r}")
    if not board.get("title") or not board.get("description"):
        found.append("title or description missing")
    identities = [panel["id"] for panel in panels]
    if len(set(identities)) != len(identities):
        found.append("ids are not unique")
    found += _grid_problems(panels)
    variables = {one["name"]: one["type"] for one in board["templating"]["list"]}
    if variables.get("datasource") != "datasource" or variables.get("instance") != "query":
        found.append(f"variables {variables}")
    for panel in panels:
        if panel["type"] != "row":
            found += [f"{panel['title']}: {one}" for one in _panel_problems(panel, metrics)]
    return found


def _grid_problems(panels: list[Json]) -> list[str]:
    found: list[str] = []
    for panel in panels:
        place = panel["gridPos"]
        if place["x"] < 0 or place["w"] < 1 or place["x"] + place["w"] > 24:
            found.append(f"{panel['title']} leaves the grid")
    for one, other in combinations(panels, 2):
        a, b = one["gridPos"], other["gridPos"]
        if (
            a["x"] < b["x"] + b["w"]
            and b["x"] < a["x"] + a["w"]
            and a["y"] < b["y"] + b["h"]
            and b["y"] < a["y"] + a["h"]
        ):
            found.append(f"{one['title']} and {other['title']} overlap")
    return found


def _panel_problems(panel: Json, metrics: dict[str, Metric]) -> list[str]:
    found: list[str] = []
    if not panel["title"] or not panel.get("description"):
        found.append("title or description missing")
    if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
        found.append(f"unit {panel['fieldConfig']['defaults'].get('unit')!r}")
    if not panel["targets"]:
        found.append("asks nothing")
    for target in panel["targets"]:
        found += [
            f"data source {source}"
            for source in (panel["datasource"], target["datasource"])
            if source != {"type": "prometheus", "uid": "${datasource}"}
        ]
        found += query_problems(target["expr"], metrics)
        if 'instance=~"$instance"' not in target["expr"]:
            found.append(f"not of the chosen hub: {target['expr']}")
        if not target["legendFormat"]:
            found.append("a legend is missing")
    references = [target["refId"] for target in panel["targets"]]
    if len(set(references)) != len(references):
        found.append("refIds are not unique")
    return found


def recorded() -> set[str]:
    rules = yaml.safe_load((RULES / "recording.yml").read_text())["groups"]
    return {rule["record"] for group in rules for rule in group["rules"]}


def query_problems(expr: str, metrics: dict[str, Metric]) -> list[str]:
    """Names and labels that docs/metrics.md does not promise."""
    known = {
        sample: metric.label_names() for metric in metrics.values() for sample in metric.samples()
    }
    known |= OWN
    every = set[str]().union(*known.values())
    found: list[str] = []
    for selector in promql.selectors(expr):
        if selector.metric in recorded():
            continue
        if selector.metric not in known:
            found.append(f"{selector.metric} is not in docs/metrics.md")
        elif selector.labels - known[selector.metric]:
            found.append(
                f"{selector.metric} has no {sorted(selector.labels - known[selector.metric])}"
            )
    if promql.grouped_by(expr) - every:
        found.append(f"no metric has {sorted(promql.grouped_by(expr) - every)}")
    return found


@pytest.fixture(scope="module")
def metrics() -> dict[str, Metric]:
    return read_catalogue()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dashboard_can_be_shown(path: Path, metrics: dict[str, Metric]) -> None:
    assert problems(json.loads(path.read_text()), metrics) == []


def test_uids_and_titles_are_unique() -> None:
    boards = [json.loads(path.read_text()) for path in FILES]
    assert {"serving", "training", "memory", "host"} <= {path.stem for path in FILES}
    assert len({board["uid"] for board in boards}) == len({board["title"] for board in boards})
    assert len({board["uid"] for board in boards}) == len(boards)
    uids = {board["uid"] for board in boards}
    for board in boards:
        assert {link["url"].removeprefix("/d/") for link in board["links"]} <= uids


def test_files_are_what_the_script_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_dashboards.stale() == [], "run scripts/make_dashboards.py"
    for path in FILES:
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "host.json").write_text("{}")
    (tmp_path / "older.json").write_text("{}")
    monkeypatch.setattr(make_dashboards, "FOLDER", tmp_path)
    assert make_dashboards.stale() == ["host.json", "older.json"]


def test_rules_ask_only_for_what_is_promised(metrics: dict[str, Metric]) -> None:
    for path in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                assert query_problems(rule["expr"], metrics) == [], rule


def test_every_metric_is_shown_somewhere(metrics: dict[str, Metric]) -> None:
    texts = [path.read_text() for path in FILES]
    texts += [path.read_text() for path in RULES.glob("*.yml")]
    unseen = {name for name in metrics if not any(name in text for text in texts)}
    assert unseen == set()


def broken(change: str, board: Json) -> Json:
    other = copy.deepcopy(board)
    panel = next(one for one in other["panels"] if one["type"] == "timeseries")
    if change == "id":
        panel["id"] = other["panels"][0]["id"]
    elif change == "overlap":
        panel["gridPos"]["y"] -= 1
    elif change == "leaves":
        panel["gridPos"]["w"] = 25
    elif change == "unit":
        panel["fieldConfig"]["defaults"]["unit"] = "furlongs"
    elif change == "description":
        panel["description"] = ""
    elif change == "source":
        panel["targets"][0]["datasource"] = {"type": "prometheus", "uid": "P1809F7CD0C75ACF3"}
    elif change == "metric":
        panel["targets"][0]["expr"] = 'sum(mlx_hub_wishes{instance=~"$instance"})'
    elif change == "label":
        panel["targets"][0]["expr"] = 'mlx_hub_models{instance=~"$instance", colour="red"}'
    elif change == "group":
        panel["targets"][0]["expr"] = 'sum by (colour) (mlx_hub_models{instance=~"$instance"})'
    elif change == "instance":
        panel["targets"][0]["expr"] = "mlx_hub_models"
    elif change == "variable":
        other["templating"]["list"] = []
    elif change == "uid":
        other["uid"] = ""
    return other


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("id", "ids are not unique"),
        ("overlap", "overlap"),
        ("leaves", "leaves the grid"),
        ("unit", "unit 'furlongs'"),
        ("description", "description missing"),
        ("source", "data source"),
        ("metric", "mlx_hub_wishes is not in docs/metrics.md"),
        ("label", "mlx_hub_models has no ['colour']"),
        ("group", "no metric has ['colour']"),
        ("instance", "not of the chosen hub"),
        ("variable", "variables"),
        ("uid", "uid ''"),
    ],
)
def test_what_is_wrong_is_found(change: str, says: str, metrics: dict[str, Metric]) -> None:
    board = json.loads((INFRA / "grafana" / "dashboards" / "serving.json").read_text())
    found = problems(broken(change, board), metrics)
    assert any(says in one for one in found), found


def test_provisioned_sources_are_those_that_dashboards_name() -> None:
    folder = INFRA / "grafana" / "provisioning"
    sources = yaml.safe_load((folder / "datasources" / "datasources.yaml").read_text())
    uids = {one["uid"]: one["type"] for one in sources["datasources"]}
    assert sum(one.get("isDefault", False) for one in sources["datasources"]) == 1
    for path in FILES:
        board = json.loads(path.read_text())
        (chosen,) = [one for one in board["templating"]["list"] if one["name"] == "datasource"]
        assert uids[chosen["current"]["value"]] == chosen["query"] == "prometheus"
    boards = yaml.safe_load((folder / "dashboards" / "dashboards.yaml").read_text())
    assert boards["providers"][0]["options"]["path"] == "/etc/grafana/dashboards"
