"""Many streams for minutes, with schemas, adapters, hung-up and broken-off calls and bad requests among them.

    uv run python scripts/storm.py [--streams 64] [--minutes 10] [--json FILE]

What must hold: every error is typed, answers that ended by themselves keep to their schema, the caches stay within
their bound, the memory of hub and engine is flat over the second half, no call is left when all have ended, and the
same requests have the same answers after the storm as before it. Else the exit status is 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
from answer_schemas import response_format
from bench_mix import write_adapter
from bench_peers import print_machine, write_json
from hub_client import DEFAULT_MODEL, HubClient, HubError, HubProcess, Json
from prometheus_client.parser import text_string_to_metric_families
from soak_loop import resident_kb, slope
from storm_requests import Outcome, Storm

ADAPTERS = 3
MOST_GROWTH = 0.05  # of the memory, over the second half
SAMPLE_SECONDS = 5.0


def add_adapters(client: HubClient, root: Path) -> list[str]:
    """The default model alone and with each of some adapters."""
    models = [DEFAULT_MODEL]
    for number in range(ADAPTERS):
        write_adapter(root / f"a{number}", number)
        model = {
            "name": f"a{number}",
            "base_model": str(root / f"a{number}"),
            "base": DEFAULT_MODEL,
        }
        client.call("POST", "/models", json=model)
        models.append(f"{DEFAULT_MODEL}+a{number}")
    return models


def reference(client: HubClient, models: list[str]) -> list[str]:
    """Answers that must be the same at any time: greedy and drawn, with a schema, of every model."""
    kinds: list[Json] = [
        {"temperature": 0},
        {"temperature": 1.0, "seed": 7},
        {"temperature": 1.0, "seed": 8, "response_format": response_format("order")},
    ]
    return [
        client.chat(model, "Tell of the old mill.", max_tokens=48, **kind)
        for model in models
        for kind in kinds
    ]


class Sampler(threading.Thread):
    """What hub and engine hold, every few seconds."""

    def __init__(self, hub: HubProcess) -> None:
        super().__init__(daemon=True)
        self.rows: list[Json] = []
        self._hub = hub
        self._end = threading.Event()

    def sample(self) -> Json:
        client = HubClient(self._hub.url)
        engine: Json = client.call("GET", "/system")["engines"][0]
        text = client.request("GET", "/metrics").text
        client.close()
        samples = [one for family in text_string_to_metric_families(text) for one in family.samples]

        def metric(name: str) -> float:
            return sum(one.value for one in samples if one.name == f"mlx_hub_engine_{name}")

        return {
            "seconds": time.monotonic(),
            "hub_kb": resident_kb(self._hub.pid),
            "engine_kb": int(engine["resident_bytes"]) >> 10,
            "running": engine["running"],
            "waiting": engine["waiting"],
            "cache_bytes": metric("kv_cache_bytes") + metric("prefix_cache_bytes"),
            "limit_bytes": metric("kv_cache_limit_bytes"),
        }

    def run(self) -> None:
        while not self._end.wait(SAMPLE_SECONDS):
            self.rows.append(self.sample())
            if len(self.rows) % 6 == 1:
                print("  ".join(f"{k} {v}" for k, v in self.rows[-1].items()), flush=True)

    def stop(self) -> None:
        self._end.set()
        self.join()


def blow(
    url: str, models: list[str], streams: int, minutes: float
) -> tuple[Counter[str], list[str]]:
    """Sends requests from so many threads until the time is over; what they came to and what was wrong."""
    end = time.monotonic() + minutes * 60
    outcomes: Counter[str] = Counter()
    problems: list[str] = []
    lock = threading.Lock()

    def send(number: int) -> None:
        storm = Storm.of(url, models, number)
        while time.monotonic() < end:
            try:
                outcome = storm.one()
            except (httpx.HTTPError, OSError) as error:
                outcome = Outcome("lost", [f"the connection ended: {error!r}"])
            with lock:
                outcomes[outcome.kind] += 1
                problems.extend(outcome.problems)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes, problems


def calm(sampler: Sampler, seconds: float = 60.0) -> Json:
    """Waits until nothing runs; the last sample, whatever it says."""
    end = time.monotonic() + seconds
    while True:
        row = sampler.sample()
        if (row["running"] == 0 and row["waiting"] == 0) or time.monotonic() > end:
            return row
        time.sleep(0.5)


def judge(rows: list[Json], last: Json) -> tuple[Json, list[str]]:
    """What memory did over the second half, and what of it is wrong."""
    half = rows[len(rows) // 2 :]
    times = [float(row["seconds"]) for row in half]
    figures: Json = {}
    problems: list[str] = []
    for name in ("hub_kb", "engine_kb"):
        values = [float(row[name]) for row in half]
        growth = slope(times, values) * (times[-1] - times[0]) / values[0] if values else 0.0
        figures[f"{name}_growth"] = round(growth, 4)
        if growth > MOST_GROWTH:
            problems.append(f"{name} grew by {growth:.1%} over the second half")
    most = max(float(row["cache_bytes"]) for row in rows)
    figures |= {"most_cache_bytes": most, "limit_bytes": rows[-1]["limit_bytes"]}
    if most > float(rows[-1]["limit_bytes"]):
        problems.append(f"the caches held {most:.0f} bytes")
    if last["running"] or last["waiting"]:
        problems.append(f"{last['running']} run and {last['waiting']} wait after all have ended")
    return figures, problems


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    facts = print_machine()
    try:
        with tempfile.TemporaryDirectory(prefix="mlx-hub-storm-") as folder:
            arguments = ("--allow-path", folder)
            with HubProcess(options.build_dir.resolve(), arguments=arguments) as hub:
                client = HubClient(hub.url)
                models = add_adapters(client, Path(folder))
                before = reference(client, models)
                sampler = Sampler(hub)
                sampler.start()
                outcomes, problems = blow(hub.url, models, options.streams, options.minutes)
                sampler.stop()
                last = calm(sampler)
                figures, more = judge(sampler.rows, last)
                problems += more
                if reference(client, models) != before:
                    problems.append("an answer is another one than before")
                client.close()
    except HubError as error:
        print(f"storm: {error}", file=sys.stderr)
        return 1
    result: Json = {"outcomes": dict(outcomes), **figures, "problems": problems}
    for name, value in result.items():
        print(f"{name}: {value}")
    write_json(options.json, {"machine": facts, **result, "rows": sampler.rows})
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
