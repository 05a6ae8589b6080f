"""The expressions of all dashboards and rules, and what a Prometheus answers to them."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import promql
import yaml
from hub_client import ROOT

Json = dict[str, Any]

DASHBOARDS = ROOT / "infra" / "grafana" / "dashboards"
RULES = ROOT / "infra" / "prometheus" / "rules"

# Metrics that only some machines have, and what it takes. What reads one of them may be empty where the hub does
# not expose it; where it does, it must have an answer.
NEEDS: dict[str, str] = {
    "mlx_hub_gpu_info": "a GPU",
    "mlx_hub_gpu_utilization_ratio": "a GPU",
    "mlx_hub_gpu_temperature_celsius": "an NVIDIA GPU",
    "mlx_hub_gpu_power_watts": "a GPU that tells its power",
    "mlx_hub_gpu_power_limit_watts": "an NVIDIA GPU",
    "mlx_hub_gpu_memory_bytes": "an NVIDIA GPU",
    "mlx_hub_host_temperature_celsius": "a sensor that answers without privileges (a container has none)",
    "mlx_hub_host_memory_pressure_ratio": "macOS, or Linux with PSI",
}


@dataclass(frozen=True)
class Question:
    where: str  # dashboard or rule file
    what: str  # panel, alert or recording rule
    expr: str

    def metrics(self) -> set[str]:
        return {one.metric for one in promql.selectors(self.expr)}


@dataclass(frozen=True)
class Answer:
    question: Question
    series: int  # with at least one finite value
    example: str
    error: str = ""
    excused: str = ""  # what this machine lacks

    @property
    def state(self) -> str:
        if self.error:
            return "ERROR"
        if self.series:
            return "ok"
        return "absent" if self.excused else "EMPTY"


def dashboard_questions() -> list[Question]:
    found: list[Question] = []
    for path in sorted(DASHBOARDS.glob("*.json")):
        board: Json = json.loads(path.read_text())
        found += [
            Question(board["title"], panel["title"], target["expr"])
            for panel in board["panels"]
            for target in panel.get("targets", [])
        ]
    return found


def rule_questions() -> list[Question]:
    found: list[Question] = []
    for path in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if "record" in rule:
                    found.append(Question(path.name, rule["record"], rule["expr"]))
                else:
                    found += [
                        Question(path.name, rule["alert"], part)
                        for part in promql.answerable(rule["expr"])
                    ]
    return found


def all_questions() -> list[Question]:
    return dashboard_questions() + rule_questions()


class Prometheus:
    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def get(self, path: str, **parameters: str) -> Json:
        """The field `data` of an answer; raises RuntimeError with Prometheus' reason."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30)
        body: Json = answer.json()
        if body["status"] != "success":
            raise RuntimeError(body.get("error", "no reason"))
        found: Json = body["data"]
        return found

    def between(self, expr: str, start: float, end: float) -> list[Json]:
        step = max(1.0, (end - start) / 250)
        data = self.get("query_range", query=expr, start=str(start), end=str(end), step=str(step))
        series: list[Json] = data["result"]
        return series


def substituted(expr: str, rate_interval: str) -> str:
    """As Grafana would ask for all hubs."""
    return expr.replace("$__rate_interval", rate_interval).replace("$instance", ".*")


def ask(
    prometheus: Prometheus,
    questions: list[Question],
    since: float,
    rate_interval: str = "15s",
    must_have: frozenset[str] = frozenset(),
) -> list[Answer]:
    """As a panel does: over the last `since` seconds. `must_have`: metrics that are excused nowhere."""
    end = time.time()
    start = end - since
    exposed = {name for name in NEEDS if name in must_have or prometheus.between(name, start, end)}
    recorded = {one.what: one.metrics() for one in rule_questions() if ":" in one.what}
    answers: list[Answer] = []
    for question in questions:
        reads = question.metrics()
        for name in question.metrics() & recorded.keys():
            reads |= recorded[name]
        lacking = sorted(reads & NEEDS.keys() - exposed)
        excused = ", ".join(dict.fromkeys(NEEDS[name] for name in lacking))
        try:
            series = prometheus.between(substituted(question.expr, rate_interval), start, end)
        except RuntimeError as error:
            answers.append(Answer(question, 0, "", str(error)))
            continue
        finite = [one for one in series if any(map(_finite, one["values"]))]
        answers.append(Answer(question, len(finite), _example(finite), "", excused))
    return answers


def _finite(sample: list[Any]) -> bool:
    return math.isfinite(float(sample[1]))


def _example(series: list[Json]) -> str:
    if not series:
        return ""
    labels = {
        key: value
        for key, value in series[0]["metric"].items()
        if key not in ("__name__", "instance", "job")
    }
    value = next(one[1] for one in reversed(series[0]["values"]) if _finite(one))
    named = ", ".join(f"{key}={value}" for key, value in labels.items())
    return f"{float(value):.4g}" + (f" ({named})" if named else "")


def table(answers: list[Answer]) -> str:
    """One line an expression: where, what, the query, and its answer."""
    lines = ["| dashboard | panel | query | series | for example |", "|---|---|---|---|---|"]
    for one in answers:
        query = " ".join(one.question.expr.split()).replace("|", "\\|")
        answer = one.example or one.error or (f"needs {one.excused}" if one.excused else "")
        count = str(one.series) if one.state == "ok" else one.state
        lines.append(
            f"| {one.question.where} | {one.question.what} | `{query}` | {count} | {answer} |"
        )
    return "\n".join(lines)


def write_json(answers: list[Answer], path: Path) -> None:
    rows = [
        {
            "dashboard": one.question.where,
            "panel": one.question.what,
            "query": one.question.expr,
            "state": one.state,
            "series": one.series,
            "example": one.example,
            "error": one.error,
            "needs": one.excused,
        }
        for one in answers
    ]
    path.write_text(json.dumps(rows, indent=1) + "\n")
