"""Every expression of the dashboards and rules has an answer: from what docs/metrics.md promises, and from a hub."""

from __future__ import annotations

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


def test_everything_has_an_answer_from_a_hub_under_load(build_dir: Path, tmp_path: Path) -> None:
    def then(server: PrometheusServer, seconds: float) -> list[Answer]:
        without = Question("board", "panel", "mlx_hub_gpu_info")
        here = ask(Prometheus(server.url), [without], seconds)
        assert here[0].state in ("ok", "absent")
        required = ask(Prometheus(server.url), [without], seconds, must_have=ALL)
        assert required[0].state in ("ok", "EMPTY"), "--require gpu excuses nothing"
        return ask(Prometheus(server.url), all_questions(), seconds)

    answers = dashboard_check.under_load(build_dir, tmp_path, then)
    print(table(answers))
    write_json(answers, tmp_path / "answers.json")
    assert not bad(answers).splitlines()[2:], bad(answers)
    absent = {one.question.what for one in answers if one.state == "absent"}
    assert len(absent) < len(dashboard_questions()) / 5
