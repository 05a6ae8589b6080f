"""What telemetry costs: the same requests to a hub with and to one without it, taking turns.

    uv run python scripts/bench_telemetry.py [--rounds 24] [--json FILE]

With: metrics that are scraped every second, all requests traced to a receiver on this machine, the log at info.
Without: `telemetry = off`, the log at error. Both hubs run all the time; while one is measured the other has nothing
to do. Told is how much less throughput there is with telemetry: the mean over the rounds' pairs with its 95 %
confidence interval. Every measurement starts an engine of its own.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from bench_peers import print_machine, write_json
from hub_client import DEFAULT_MODEL, HubClient, HubError, HubProcess, Json

BAR = 0.03
T_95 = 2.07  # Student's t for 22 and more degrees of freedom, two-sided


class Sink:
    """Takes spans as an OTLP receiver does and forgets them."""

    def __init__(self) -> None:
        self.requests = 0
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                sink.requests += 1
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                del code, size

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()


@contextmanager
def polled(client: HubClient, path: str, seconds: float = 1.0) -> Generator[None]:
    """Reads it again and again."""
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            client.http.get(path).raise_for_status()
            ended.wait(seconds)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def generate(client: HubClient, seed: int, tokens: int) -> int:
    body = {
        "model": DEFAULT_MODEL,
        "prompt": [1 + (seed * 37 + i * 11) % 40000 for i in range(48)],
        "max_tokens": tokens,
        "temperature": 0,
    }
    return int(client.call("POST", "/v1/completions", json=body)["usage"]["completion_tokens"])


def tokens_per_second(client: HubClient, options: argparse.Namespace, round_number: int) -> float:
    """Of `requests` answers, `users` of them at once."""
    started = time.perf_counter()
    with ThreadPoolExecutor(options.users) as users:
        seeds = range(round_number * 1000, round_number * 1000 + options.requests)
        counts = users.map(partial(generate, client, tokens=options.tokens), seeds)
        return sum(counts) / (time.perf_counter() - started)


def measure(with_it: HubProcess, without: HubProcess, options: argparse.Namespace) -> Json:
    clients = {"with": HubClient(with_it.url), "without": HubClient(without.url)}

    def one(name: str, number: int) -> float:
        # One engine process is a little faster than the next for all its life (where its memory lies): each
        # measurement gets a new one, so that this is noise and no difference between the two.
        clients[name].call("POST", f"/engines/{DEFAULT_MODEL}/unload")
        generate(clients[name], number, 4)
        # The caller's own work, which is no part of the cost, is the same for both.
        with polled(clients[name], "/metrics" if name == "with" else "/healthz"):
            return tokens_per_second(clients[name], options, number)

    rates: dict[str, list[float]] = {"with": [], "without": []}
    for number in range(1, options.rounds + 1):
        order = ["with", "without"]
        random.Random(number).shuffle(order)
        for name in order:
            rates[name].append(one(name, number))
        print(
            f"  round {number}: {rates['with'][-1]:.1f} with, {rates['without'][-1]:.1f} without",
            file=sys.stderr,
            flush=True,
        )
    return summary(rates)


def summary(rates: dict[str, list[float]]) -> Json:
    costs = [1 - a / b for a, b in zip(rates["with"], rates["without"], strict=True)]
    mean = statistics.fmean(costs)
    half = T_95 * statistics.stdev(costs) / math.sqrt(len(costs))
    return {
        "rounds": len(costs),
        "with_tokens_per_second": statistics.median(rates["with"]),
        "without_tokens_per_second": statistics.median(rates["without"]),
        "cost": mean,
        "cost_low": mean - half,
        "cost_high": mean + half,
        "costs": costs,
    }


def run(options: argparse.Namespace) -> Json:
    sink = Sink()
    traced = HubProcess(options.build_dir, arguments=("--otlp-endpoint", sink.url))
    silent = HubProcess(
        options.build_dir,
        environment={"MLX_HUB_TELEMETRY": "off", "MLX_HUB_LOG_LEVEL": "error"},
    )
    try:
        with traced, silent:
            result = measure(traced, silent, options)
    finally:
        sink.close()
    result["span_batches"] = sink.requests
    return result


def table(result: Json) -> str:
    def percent(name: str) -> str:
        return f"{100 * result[name]:+.2f} %"

    return (
        f"with     {result['with_tokens_per_second']:8.1f} tokens/s\n"
        f"without  {result['without_tokens_per_second']:8.1f} tokens/s\n"
        f"cost     {percent('cost')} (95 %: {percent('cost_low')} to {percent('cost_high')}, "
        f"{result['rounds']} pairs)"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=24, help="pairs, at least 23")
    parser.add_argument("--requests", type=int, default=12, help="in one measurement")
    parser.add_argument("--users", type=int, default=4, help="requests at once")
    parser.add_argument("--tokens", type=int, default=48, help="of an answer")
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.rounds < 23:
        parser.error(
            f"--rounds: at least 23 was wanted (the interval's t is for them), got {options.rounds}"
        )
    facts = print_machine()
    try:
        result = run(options)
    except (HubError, httpx.HTTPError) as error:
        print(f"bench_telemetry: {error}", file=sys.stderr)
        return 1
    print(table(result))
    within = result["cost_high"] < BAR
    print(f"upper bound {'below' if within else 'NOT below'} {100 * BAR:.0f} %")
    write_json(options.json, {"machine": facts, **result})
    return 0 if within else 2


if __name__ == "__main__":
    sys.exit(main())
