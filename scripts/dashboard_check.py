"""Runs every expression of the dashboards and rules on a real Prometheus, and prints each panel's query and answer.

    scripts/check_dashboards [--json FILE] [--require gpu]     # a hub of its own under load, with MLflow
    scripts/check_dashboards --prometheus http://localhost:9090 --since 600   # what runs already

--require gpu: a machine without what the GPU panels show does not pass. --screenshot FILE: Prometheus' own graph
page with the rate of tokens (needs Chromium). Exit status 1 when an expression fails, or has no answer though
this machine has what it needs.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

from dashboard_queries import NEEDS, Answer, Prometheus, all_questions, ask, table, write_json
from hub_client import ROOT
from metrics_load import SpanSink, loaded_hub, run_load
from mlflow_server import MlflowServer
from prometheus_server import PrometheusServer
from training_job import free_port

SCRAPE_INTERVAL = "1s"
GRAPH = "sum by (phase) (rate(mlx_hub_engine_tokens_total[15s]))"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def under_load(
    build_dir: Path, folder: Path, then: Callable[[PrometheusServer, float], list[Answer]]
) -> list[Answer]:
    """Starts MLflow, a hub and a Prometheus, loads the hub, and asks while all of them run."""
    prometheus = PrometheusServer(folder / "prometheus", free_port())
    with (
        SpanSink() as sink,
        MlflowServer(folder / "mlflow", free_port()) as mlflow,
        loaded_hub(build_dir, folder, mlflow.url, sink.url) as hub,
    ):
        prometheus.configure([hub.url.removeprefix("http://")], SCRAPE_INTERVAL)
        with prometheus:
            begun = time.monotonic()
            time.sleep(2.5)  # a counter that is there before it grows
            run_load(hub)
            time.sleep(2.5)
            return then(prometheus, time.monotonic() - begun)


def screenshot(prometheus_url: str, file: Path) -> None:
    """Raises RuntimeError where there is no browser."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise RuntimeError("no Chromium was found for the screenshot (apt-get install chromium)")
    query = urlencode({"g0.expr": GRAPH, "g0.tab": "0", "g0.range_input": "2m"})
    subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1280,900",
            "--virtual-time-budget=15000",
            f"--screenshot={file.resolve()}",
            f"{prometheus_url}/graph?{query}",
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )


def must_have(what: str | None) -> frozenset[str]:
    return frozenset(name for name in NEEDS if what is not None and f"_{what}_" in name)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/check_dashboards",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--prometheus", help="the address of one that scrapes a hub")
    parser.add_argument("--since", type=float, default=600, help="seconds to look back there")
    parser.add_argument("--rate-interval", help="for $__rate_interval: 15s, with --prometheus 1m")
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--require", choices=["gpu"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--screenshot", type=Path)
    options = parser.parse_args()

    def answers(url: str, since: float, rate_interval: str) -> list[Answer]:
        if options.screenshot:
            screenshot(url, options.screenshot)
        interval = options.rate_interval or rate_interval
        required = must_have(options.require)
        return ask(Prometheus(url), all_questions(), since, interval, required)

    if options.prometheus:
        found = answers(options.prometheus, options.since, "1m")
    else:
        with tempfile.TemporaryDirectory(prefix="mlx-hub-dashboards-") as name:

            def then(server: PrometheusServer, seconds: float) -> list[Answer]:
                return answers(server.url, seconds, "15s")

            found = under_load(options.build_dir, Path(name), then)
    print(table(found))
    if options.json:
        write_json(found, options.json)
    states = [one.state for one in found]
    print(
        f"\n{len(found)} expressions: {states.count('ok')} with an answer, {states.count('absent')} that this "
        f"machine cannot have, {states.count('EMPTY')} empty, {states.count('ERROR')} failed"
    )
    return 0 if not {"EMPTY", "ERROR"} & set(states) else 1
