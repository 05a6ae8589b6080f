"""Every expression of the dashboards and rules has an answer: from what docs/metrics.md promises, and from a hub."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import dashboard_check
import pytest
from dashboard_queries import (
    NEEDS,
    Answer,
    Prometheus,
    Question,
    all_questions,
    ask,
    dashboard_questions,
    table,
    write_json,
)
from prometheus_server import PrometheusServer
from support.metric_catalogue import CatalogueServer, read_catalogue
from support.transfers import wait_for
from training_job import free_port

ALL = frozenset(NEEDS)

# What stays 0 under this load, and rightly; everything else that docs/metrics.md names must have moved.
STILL = {
    "mlx_hub_engine_preemptions_total",  # the cache has room for all
    "mlx_hub_engine_refused_total",  # and the queue, too
    "mlx_hub_engine_slow_steps_total",
    "mlx_hub_engine_adapters",  # the chats ask the base model
    "mlx_hub_mlflow_outbox_oldest_seconds",  # MLflow takes everything at once,
    "mlx_hub_mlflow_outbox_entries",  # perhaps between two scrapes
    "mlx_hub_host_swap_bytes",
    "mlx_hub_host_memory_pressure_ratio",
    "mlx_hub_host_thermal_resting",
    "mlx_hub_spans_waiting",
}


@pytest.fixture(scope="module")
def promised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped a server with exactly the catalogue's series, those of a GPU, too."""
    server = PrometheusServer(tmp_path_factory.mktemp("prometheus"), free_port())
    with CatalogueServer(read_catalogue()) as fake:
        server.configure([fake.target], "1s")
        with server:
            found = Prometheus(server.url)
            # The last of a chain: a scrape, a rate, a recording rule.
            last = "instance_model:gen_ai_server_time_to_first_token_seconds:p95_5m"
            wait_for(lambda: len(found.get("query", query=f"{last}[1m]")["result"]) > 0)
            wait_for(
                lambda: len(found.get("query", query="rate(mlx_hub_events_total[15s])")["result"])
                > 0
            )
            yield found


def bad(answers: list[Answer]) -> str:
    return table([one for one in answers if one.state not in ("ok", "absent")])


def test_everything_has_an_answer_from_what_is_promised(promised: Prometheus) -> None:
    answers = ask(promised, all_questions(), since=60, must_have=ALL)
    assert [one.state for one in answers] == ["ok"] * len(answers), bad(answers)
    assert len({one.question.where for one in answers}) == 7  # five dashboards, two files of rules


@pytest.mark.parametrize(
    ("expr", "state"),
    [
        ("mlx_hub_models", "ok"),
        ("mlx_hub_wishes", "EMPTY"),
        ('mlx_hub_jobs{state="BORED"}', "EMPTY"),
        ("mlx_hub_models / 0 * 0", "EMPTY"),  # not a number: the graph shows nothing
        ("sum(mlx_hub_models", "ERROR"),
    ],
)
def test_an_empty_answer_is_told(expr: str, state: str, promised: Prometheus) -> None:
    (answer,) = ask(promised, [Question("board", "panel", expr)], since=30)
    assert answer.state == state
    assert (f"| {state} |" in table([answer])) == (state != "ok")


def test_only_what_a_machine_cannot_have_is_excused(promised: Prometheus) -> None:
    """The promised server has a GPU's series, so an expression that does not find them is wrong."""
    question = Question("board", "panel", 'mlx_hub_gpu_info{gpu="17"}')
    (answer,) = ask(promised, [question], since=30)
    assert answer.state == "EMPTY"


def unmoved(prometheus: Prometheus, start: float, end: float) -> list[str]:
    """Metrics of the catalogue that are missing, or were never above 0."""
    found: list[str] = []
    for metric in read_catalogue().values():
        name = f"{metric.name}_count" if metric.kind == "histogram" else metric.name
        series = prometheus.between(name, start, end)
        values = [float(value) for one in series for _, value in one["values"]]
        if metric.name not in STILL | ALL and max(values, default=0.0) <= 0:
            found.append(metric.name if values else f"{metric.name} (missing)")
    return found


def test_everything_has_an_answer_from_a_hub_under_load(build_dir: Path, tmp_path: Path) -> None:
    still: list[str] = []

    def then(server: PrometheusServer, seconds: float) -> list[Answer]:
        prometheus = Prometheus(server.url)
        gpu = [Question("board", "panel", "mlx_hub_gpu_info")]
        assert ask(prometheus, gpu, seconds)[0].state in ("ok", "absent")
        # What --require gpu asks for is excused nowhere.
        assert ask(prometheus, gpu, seconds, must_have=ALL)[0].state in ("ok", "EMPTY")
        still.extend(unmoved(prometheus, time.time() - seconds, time.time()))
        return ask(prometheus, all_questions(), seconds)

    answers = dashboard_check.under_load(build_dir, tmp_path, then)
    print(table(answers))
    write_json(answers, tmp_path / "answers.json")
    assert not bad(answers).splitlines()[2:], bad(answers)
    assert still == []
    absent = {one.question.what for one in answers if one.state == "absent"}
    assert len(absent) < len(dashboard_questions()) / 5


def test_a_metric_that_does_not_move_is_found(promised: Prometheus) -> None:
    now = time.time()
    assert unmoved(promised, now - 30, now) == []
    missing = unmoved(promised, now - 3700, now - 3600)  # nothing was scraped then
    assert "mlx_hub_models (missing)" in missing
    assert not any(name.startswith("mlx_hub_gpu_") for name in missing)
