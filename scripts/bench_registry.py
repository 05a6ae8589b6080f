"""How fast the registry is with many models: lists, filters, search and single reads over HTTP; start-up and memory.

    uv run python scripts/bench_registry.py [--models 10000] [--versions 3] [--rounds 200] [--json FILE]

Fills a database of its own (rows only, no files) and measures a hub on it: seconds and memory from the start of the
process to its first answer, then the 50th, 95th and 99th percentile of each kind of request on one kept connection.
The target is 20 ms for the 95th.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import machine_facts
from hub_client import ROOT, HubProcess, Json

TARGET_MS = 20.0
ARCHITECTURES = ("llama", "mistral")
TASKS = ("chat", "code", "math", "draft")


def model_id(number: int) -> str:
    """A UUIDv7 in order of the number."""
    digits = f"{1_700_000_000_000 + number:012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-{number:012x}"


def version_id(number: int, version: int) -> str:
    digits = f"{1_700_000_000_000 + number:012x}"
    return f"{digits[:8]}-{digits[8:]}-7{version:03x}-9000-{number:012x}"


def rows(models: int, versions: int, seed: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    chance = random.Random(seed)
    for number in range(models):
        tags = {"task": TASKS[number % len(TASKS)], "team": f"team-{number % 50}"}
        base = f"org-{number % 20}/base-{number % 200}"
        text = f"Model number {number} of the benchmark, made for {tags['team']}"
        identity = model_id(number)
        yield (
            "INSERT INTO models (id, name, base_model, description, tags_json, next_number, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                identity,
                f"model-{number:06}",
                base,
                text,
                json.dumps(tags),
                versions + 1,
                number,
                number,
            ),
        )
        config = json.dumps(
            {
                "architecture": ARCHITECTURES[number % 10 == 0],
                "quantization": {"bits": 4, "group_size": 64},
                "context_length": 8192,
                "memory_required_bytes": 5_000_000_000,
            }
        )
        for version in range(1, versions + 1):
            digest = hashlib.sha256(f"{number}:{version}".encode()).hexdigest()
            state = "corrupt" if chance.random() < 0.01 else "ready"
            yield (
                "INSERT INTO versions (id, model_id, number, kind, state, digest, folder, by_reference, size_bytes, "
                "config_json, metrics_json, created_at) VALUES (?, ?, ?, 'base', ?, ?, ?, 1, ?, ?, ?, ?)",
                (
                    version_id(number, version),
                    identity,
                    version,
                    state,
                    digest,
                    f"/nowhere/{number}/v{version}",
                    4_000_000_000,
                    config,
                    json.dumps({"eval_loss": round(chance.uniform(1, 3), 4)}),
                    number,
                ),
            )
            for name in ("config.json", "model.safetensors", "tokenizer.json"):
                yield (
                    "INSERT INTO version_files (version_id, name, size_bytes, sha256) VALUES (?, ?, ?, ?)",
                    (version_id(number, version), name, 1000, digest),
                )
        if number % 3 == 0:
            yield (
                "INSERT INTO aliases (model_id, alias, version_id, updated_at) VALUES (?, 'production', ?, ?)",
                (identity, version_id(number, 1 + number % versions), number),
            )


def fill(database: Path, models: int, versions: int, seed: int) -> float:
    """Seconds that it took."""
    started = time.perf_counter()
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        for statement, values in rows(models, versions, seed):
            connection.execute(statement, values)
    connection.close()
    return time.perf_counter() - started


def requests(models: int, chance: random.Random) -> dict[str, Callable[[], str]]:
    """Each kind of request with another target every time."""

    def some() -> int:
        return chance.randrange(models)

    return {
        "list, 50 a page": lambda: f"/models?cursor={model_id(some())}",
        "list, 200 a page": lambda: f"/models?limit=200&cursor={model_id(some())}",
        "sort=-updated": lambda: "/models?sort=-updated",
        "sort=name": lambda: f"/models?sort=name&cursor=model-{some():06}",
        "filter name": lambda: f"/models?name=odel-{some():06}",
        "filter tag (1 in 4)": lambda: f"/models?tag=task:{chance.choice(TASKS)}",
        "filter tags (few)": lambda: f"/models?tag=task:chat,team:team-{some() % 50}",
        "filter state (1 %)": lambda: "/models?state=corrupt",
        "filter state + kind": lambda: "/models?state=ready&kind=base",
        "filter kind (none)": lambda: "/models?kind=adapter",
        "filter architecture": lambda: f"/models?architecture={chance.choice(ARCHITECTURES)}",
        "filter base": lambda: f"/models?base=org-{some() % 20}/base-{some() % 200}",
        "search q (few)": lambda: f"/models?q=number {some()} of",
        "search q (none)": lambda: "/models?q=no-such-text",
        "get by name": lambda: f"/models/model-{some():06}",
        "get by id": lambda: f"/models/{model_id(some())}",
        "get version": lambda: f"/versions/{version_id(some(), 1)}",
        "versions of a model": lambda: f"/models/model-{some():06}/versions",
        "list versions": lambda: f"/versions?cursor={version_id(some(), 2)}",
        "lineage of a model": lambda: f"/models/model-{some():06}/lineage",
    }


def percentile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1]


def measure(url: str, models: int, rounds: int, seed: int) -> list[Json]:
    chance = random.Random(seed)
    found: list[Json] = []
    with httpx.Client(base_url=url, timeout=60.0) as http:
        for name, target in requests(models, chance).items():
            times: list[float] = []
            rows_seen = 0
            for number in range(rounds + 5):
                started = time.perf_counter()
                answer = http.get(target())
                elapsed = 1000 * (time.perf_counter() - started)
                answer.raise_for_status()
                if number >= 5:  # the first ones warm the connection and the page cache
                    times.append(elapsed)
                    rows_seen += len(answer.json().get("data", [None]))
            found.append(
                {
                    "request": name,
                    "rows": round(rows_seen / rounds, 1),
                    "p50_ms": round(percentile(times, 0.50), 2),
                    "p95_ms": round(percentile(times, 0.95), 2),
                    "p99_ms": round(percentile(times, 0.99), 2),
                }
            )
    return found


def resident_bytes(pid: int) -> int | None:
    """None where the system has no /proc."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    line = next(one for one in status.read_text().splitlines() if one.startswith("VmRSS:"))
    return 1024 * int(line.split()[1])


def start_seconds(hub: HubProcess) -> float:
    started = time.perf_counter()
    hub.start()
    return time.perf_counter() - started


def benchmark(build_dir: Path, models: int, versions: int, rounds: int, seed: int) -> Json:
    with tempfile.TemporaryDirectory(prefix="mlx-hub-bench-") as folder:
        data = Path(folder)
        hub = HubProcess(build_dir, data)
        empty = start_seconds(hub)
        empty_bytes = resident_bytes(hub.pid)
        hub.stop()
        filled = fill(data / "hub.db", models, versions, seed)
        full = start_seconds(hub)
        result: Json = {
            "models": models,
            "versions": models * versions,
            "database_bytes": (data / "hub.db").stat().st_size,
            "fill_seconds": round(filled, 2),
            "first_start_seconds": round(empty, 3),
            "start_seconds": round(full, 3),
            "resident_bytes_empty": empty_bytes,
            "resident_bytes_after_start": resident_bytes(hub.pid),
        }
        try:
            result["requests"] = measure(hub.url, models, rounds, seed)
            result["resident_bytes_after_requests"] = resident_bytes(hub.pid)
        finally:
            hub.stop()
        return result


def megabytes(count: int | None) -> str:
    return "?" if count is None else f"{count / 1e6:.1f} MB"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--versions", type=int, default=3, help="of each model")
    parser.add_argument("--rounds", type=int, default=200, help="requests of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build" / "release")
    arguments = parser.parse_args()
    for key, value in machine_facts.facts().items():
        print(f"{key}: {value}")
    if machine_facts.is_busy():
        print("BUSY: other processes run, figures are noisy")
    result = benchmark(
        arguments.build_dir.resolve(),
        arguments.models,
        arguments.versions,
        arguments.rounds,
        arguments.seed,
    )
    print(
        f"\n{result['models']} models with {arguments.versions} versions each, database "
        f"{megabytes(result['database_bytes'])}\n"
        f"start to ready: {result['start_seconds']:.2f} s; resident {megabytes(result['resident_bytes_after_start'])} "
        f"after the start ({megabytes(result['resident_bytes_empty'])} with an empty registry), "
        f"{megabytes(result['resident_bytes_after_requests'])} after all requests\n"
    )
    print(f"{'request':22} {'rows':>6} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8}")
    slow = 0
    for line in result["requests"]:
        over = line["p95_ms"] > TARGET_MS
        slow += over
        print(
            f"{line['request']:22} {line['rows']:6} {line['p50_ms']:8.2f} {line['p95_ms']:8.2f} "
            f"{line['p99_ms']:8.2f}{'  over the target' if over else ''}"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
