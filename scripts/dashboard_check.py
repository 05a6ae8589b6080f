"""Runs every expression of the dashboards and rules on a real Prometheus, and prints each panel's query and answer.

    scripts/check_dashboards [--json FILE]                     # a hub of its own under load, with MLflow
    scripts/check_dashboards --prometheus http://localhost:9090 --since 600   # what runs already

A machine that has a GPU, but no Prometheus: --record FOLDER there (no MLflow either), then elsewhere
--replay FOLDER --require gpu, which excuses no GPU panel. --screenshot FILE: Prometheus' own graph page with the rate
of tokens (needs Chromium). Exit status 1 when an expression fails, or has no answer though the machine has what
it needs.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

from dashboard_queries import NEEDS, Answer, Prometheus, all_questions, ask, table, write_json
from hub_client import ROOT, HubError
from metrics_load import SpanSink, loaded_hub, run_load
from metrics_replay import Recorder, ReplayServer
from mlflow_server import MlflowServer
from prometheus_server import PrometheusServer
from training_job import free_port

SCRAPE_INTERVAL = "1s"
SETTLE = 4.0  # seconds: a counter is seen before it grows, and after
GRAPH = "sum by (phase) (rate(mlx_hub_engine_tokens_total[15s]))"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
NO_MLFLOW = "http://127.0.0.1:9"

Then = Callable[[PrometheusServer, float], list[Answer]]


def under_load(build_dir: Path, folder: Path, then: Then) -> list[Answer]:
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
            time.sleep(SETTLE)
            run_load(hub)
            time.sleep(SETTLE)
            return then(prometheus, time.monotonic() - begun)


def record(build_dir: Path, folder: Path, scrapes: Path) -> None:
    """A hub under load without MLflow and Prometheus; its scrapes go into files."""
    with (
        SpanSink() as sink,
        loaded_hub(build_dir, folder, NO_MLFLOW, sink.url) as hub,
        Recorder(hub.url, scrapes),
    ):
        time.sleep(SETTLE)
        run_load(hub)
        time.sleep(SETTLE)


def replayed(scrapes: Path, folder: Path, then: Then) -> list[Answer]:
    """As long as the recording took."""
    prometheus = PrometheusServer(folder / "prometheus", free_port())
    with ReplayServer(scrapes) as server:
        prometheus.configure([server.target], SCRAPE_INTERVAL)
        with prometheus:
            time.sleep(server.seconds + SETTLE)
            return then(prometheus, server.seconds + SETTLE)


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


def options_of(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/check_dashboards",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--prometheus", help="the address of one that scrapes a hub")
    source.add_argument("--record", type=Path, metavar="FOLDER")
    source.add_argument("--replay", type=Path, metavar="FOLDER")
    parser.add_argument("--since", type=float, default=600, help="seconds to look back there")
    parser.add_argument("--rate-interval", help="for $__rate_interval: 15s, with --prometheus 1m")
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--require", choices=["gpu"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--screenshot", type=Path)
    return parser.parse_args(arguments)


def answers_of(options: argparse.Namespace, folder: Path) -> list[Answer]:
    required = frozenset(name for name in NEEDS if options.require and "_gpu_" in name)

    def then(server: PrometheusServer, seconds: float) -> list[Answer]:
        return asked(server.url, seconds, "15s")

    def asked(url: str, since: float, rate_interval: str) -> list[Answer]:
        if options.screenshot:
            screenshot(url, options.screenshot)
        interval = options.rate_interval or rate_interval
        return ask(Prometheus(url), all_questions(), since, interval, required)

    if options.prometheus:
        return asked(options.prometheus, options.since, "1m")
    if options.replay:
        return replayed(options.replay, folder, then)
    return under_load(options.build_dir, folder, then)


def main() -> int:
    options = options_of(sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="mlx-hub-dashboards-") as name:
        try:
            if options.record:
                record(options.build_dir, Path(name), options.record)
                return 0
            found = answers_of(options, Path(name))
        except (HubError, RuntimeError) as error:
            print(f"check_dashboards: {error}", file=sys.stderr)
            return 1
    print(table(found))
    if options.json:
        write_json(found, options.json)
    states = [one.state for one in found]
    print(
        f"\n{len(found)} expressions: {states.count('ok')} with an answer, {states.count('absent')} that this "
        f"machine cannot have, {states.count('EMPTY')} empty, {states.count('ERROR')} failed"
    )
    return 0 if not {"EMPTY", "ERROR"} & set(states) else 1
