"""Random tiny models, jobs and budgets, really run: nothing may go over its budget, and little may be refused.

    uv run python scripts/fuzz_memory.py [--cases 200] [--first 0] [--seed 0] [--at-once 1] [--json FILE]

Each case is one model shape and one job, first run with plenty of memory: the highest resident size that Linux
recorded for its worker is what the job needs. Then a hub with a random budget around that gets the same job. It
either refuses, with the figures, or runs; a worker that ran may not have had more than the budget, and of the jobs
that need at most 0.85 of their budget at most 5 % may be refused. A case depends on its number and the seed only.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from chaos import of_kind, workers_of
from hub_client import HubClient, HubError, HubProcess, Json
from tiny_models import TinyShape, make_tiny_model, write_rows

ROOMY = 8 << 30
REFUSED_SHARE = 0.05
COMFORTABLE = 0.85


@dataclass
class Case:
    number: int
    shape: TinyShape
    params: Json
    rows: int
    words: int
    need_bytes: int = 0
    budget_bytes: int = 0
    outcome: str = ""
    peak_bytes: int = 0


def draw(number: int, chance: random.Random) -> Case:
    heads = chance.choice([2, 4, 8])
    shape = TinyShape(
        hidden=32 * heads * chance.choice([1, 2]),
        inner=64 * chance.randint(1, 12),
        layers=chance.randint(1, 8),
        heads=heads,
        kv_heads=chance.choice([1, 2, heads]),
        bits=chance.choice([0, 4, 4, 8]),
    )
    params: Json = {
        "rank": chance.choice([1, 4, 8, 32]),
        "batch_size": chance.choice([1, 2, 4, 8]),
        "max_seq_length": chance.choice([64, 128, 256, 512]),
        "grad_accumulation_steps": chance.choice([1, 1, 2]),
        "dropout": chance.choice([0.0, 0.0, 0.1]),
        "num_layers": chance.choice([-1, -1, 1]),
        "max_steps": 4,
        "eval_every": chance.choice([0, 2]),
        "seed": number,
    }
    return Case(number, shape, params, chance.choice([8, 24, 48]), chance.choice([4, 12, 60, 150]))


class PeakWatch:
    """The highest resident size (VmHWM) of job workers below a folder, looked at until it is stopped."""

    def __init__(self, root: Path) -> None:
        self.peak = 0
        self._root = root
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        known: list[int] = []
        for look in itertools.count():
            if self._stop.wait(0.01):
                return
            if look % 10 == 0:  # looking through all processes takes time
                known = of_kind(workers_of(self._root), "job")
            self.peak = max(self.peak, *map(high_water, known), 0)


def high_water(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def attempt(case: Case, folder: Path, budget: int, build_dir: Path) -> tuple[str, int]:
    """("completed", "refused" or what went wrong; the worker's highest resident size)."""
    data_dir = Path(tempfile.mkdtemp(dir=folder))
    arguments = ("--allow-path", str(folder))
    environment = {"MLX_HUB_MEMORY_BUDGET_BYTES": str(budget)}
    with (
        HubProcess(build_dir, data_dir, arguments, environment) as hub,
        PeakWatch(data_dir) as watch,
    ):
        client = HubClient(hub.url)
        model = {"name": "tiny", "base_model": str(folder / f"model-{case.number}")}
        client.call("POST", "/models", json=model)
        client.upload_dataset("rows", folder / f"rows-{case.number}.jsonl")
        job = {"type": "finetune", "model": "tiny", "dataset": "rows", "params": case.params}
        answer = client.request("POST", "/jobs", json=job)
        if answer.is_error:
            code = str(answer.json()["error"]["code"])
            outcome = "refused" if code == "insufficient_memory" else answer.text
        else:
            done = client.wait(str(answer.json()["id"]), 300)
            reason = str(done["reason"] or "")
            refused = done["state"] == "FAILED" and "memory budget" in reason
            outcome = "completed" if done["state"] == "COMPLETED" else reason
            outcome = "refused" if refused else outcome
        client.close()
    return outcome, watch.peak


def run_case(number: int, seed: int, folder: Path, build_dir: Path) -> Case:
    chance = random.Random(f"{seed}/{number}")
    case = draw(number, chance)
    try:
        run_twice(case, folder, chance, build_dir)
    except HubError as error:
        case.outcome = case.outcome or str(error)
    return case


def run_twice(case: Case, folder: Path, chance: random.Random, build_dir: Path) -> None:
    make_tiny_model(folder / f"model-{case.number}", case.shape, case.number)
    write_rows(folder / f"rows-{case.number}.jsonl", case.rows, case.words)
    outcome, case.need_bytes = attempt(case, folder, ROOMY, build_dir)
    if outcome != "completed":
        raise HubError(f"case {case.number} does not run at all: {outcome}")
    case.budget_bytes = int(case.need_bytes * chance.uniform(0.8, 2.0))
    case.outcome, case.peak_bytes = attempt(case, folder, case.budget_bytes, build_dir)


def summary(cases: list[Case]) -> tuple[Json, list[str]]:
    problems = [
        f"case {c.number} used {c.peak_bytes} of {c.budget_bytes} bytes"
        for c in cases
        if c.peak_bytes > c.budget_bytes
    ]
    problems += [
        f"case {c.number}: {c.outcome}" for c in cases if c.outcome not in ("completed", "refused")
    ]
    comfortable = [c for c in cases if c.need_bytes <= COMFORTABLE * c.budget_bytes]
    refused = [c for c in comfortable if c.outcome == "refused"]
    share = len(refused) / len(comfortable) if comfortable else 0.0
    if share > REFUSED_SHARE:
        problems.append(f"{share:.1%} of those that need at most 0.85 of their budget are refused")
    ran = [c for c in cases if c.outcome == "completed"]
    result: Json = {
        "cases": len(cases),
        "ran": len(ran),
        "refused": sum(c.outcome == "refused" for c in cases),
        "over_budget": sum(c.peak_bytes > c.budget_bytes for c in cases),
        "comfortable": len(comfortable),
        "comfortable_refused": len(refused),
        "highest_share_of_budget": max((c.peak_bytes / c.budget_bytes for c in ran), default=0.0),
    }
    return result, problems


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=1, help="cases that run beside each other")
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.cases)
    cases: list[Case] = []
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="mlx-hub-fuzz-") as folder,
        ThreadPoolExecutor(options.at_once) as pool,
    ):
        seed, build_dir = int(options.seed), Path(options.build_dir).resolve()

        def run_one(number: int) -> Case:
            return run_case(number, seed, Path(folder), build_dir)

        for case in pool.map(run_one, numbers):
            cases.append(case)
            print(
                f"{case.number:4} needs {case.need_bytes / 1e6:7.1f} MB, budget "
                f"{case.budget_bytes / 1e6:7.1f} MB: {case.outcome[:100]}, had "
                f"{case.peak_bytes / 1e6:7.1f} MB",
                flush=True,
            )
    result, problems = summary(cases)
    for name, value in result.items():
        print(f"{name}: {value}")
    for problem in problems:
        print(f"fuzz_memory: {problem}")
    print(f"fuzz_memory: {len(problems)} problems, {time.monotonic() - started:.0f} s")
    if options.json:
        report = {**result, "problems": problems, "all": [asdict(case) for case in cases]}
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
