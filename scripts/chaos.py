"""Kills the server, its trainer or its engine at random moments of a queue of short jobs, and checks what is left.

    uv run python scripts/chaos.py [--target server|trainer|engine] [--kills 20] [--jobs 10] [--seed 0]

Every job must end exactly once and COMPLETED, with the very adapter that an undisturbed job gives; no worker may be
left over, the database must pass integrity_check, and every file of a ready version must have its SHA-256.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import httpx
from hub_client import HubClient, HubError, HubProcess, Json
from tiny_models import make_tiny_model, write_rows

STEPS = 300
ENDS = ("job.completed", "job.failed", "job.cancelled")


def workers_of(root: Path) -> list[int]:
    """Worker processes that have this folder in their command line: their model or job lies there."""
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_bytes()
                stat = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                if (
                    b"mlx-hub-worker" in command
                    and str(root).encode() in command
                    and stat[0] != "Z"
                ):
                    found.append(int(folder.name))
    return found


def of_kind(pids: list[int], kind: str) -> list[int]:
    chosen: list[int] = []
    for pid in pids:
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if len(words) > 1 and words[1].decode() == kind:
                chosen.append(pid)
    return chosen


def submit(client: HubClient, name: str) -> str:
    job = client.submit(
        {
            "type": "finetune",
            "model": "tiny",
            "dataset": "rows",
            "params": {
                "rank": 4,
                "epochs": 1000,
                "max_steps": STEPS,
                "batch_size": 2,
                "dropout": 0.1,
                "eval_every": 70,
                "save_every": 20,
                "max_seq_length": 64,
                "seed": 7,
            },
            "output": {"name": name},
        }
    )
    return str(job["id"])


def connected(hub: HubProcess) -> HubClient:
    return HubClient(hub.url, timeout=60)


def states(client: HubClient) -> dict[str, Json]:
    jobs: list[Json] = client.call("GET", "/jobs", params={"limit": 200})["data"]
    return {str(job["id"]): job for job in jobs}


def kill_loop(hub: HubProcess, ids: list[str], options: argparse.Namespace) -> int:
    """Kills `options.kills` times while the queue works; returns how often it could."""
    chance = random.Random(options.seed)
    kills = 0
    client = connected(hub)
    while kills < options.kills:
        time.sleep(chance.uniform(0.02, 1.5))
        if options.target == "server":
            os.kill(hub.pid, signal.SIGKILL)
            client.close()
            hub.stop()
            hub.start()
            client = connected(hub)
        else:
            kind = "job" if options.target == "trainer" else "engine"
            if kind == "engine":
                # By hand, which clears what the guard against crash loops remembers.
                with contextlib.suppress(HubError, httpx.HTTPError):
                    client.call("POST", "/engines/tiny/load")
                    client.chat("tiny", "Hello", max_tokens=4)
            victims = of_kind(workers_of(hub.data_dir.parent), kind)
            if not victims:  # all done before all kills: more work
                if all(job["state"] in ("COMPLETED", "FAILED") for job in states(client).values()):
                    ids.append(submit(client, f"more-{len(ids)}"))
                continue
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(victims), signal.SIGKILL)
        kills += 1
        done = sum(states(client)[job_id]["state"] == "COMPLETED" for job_id in ids)
        print(f"  kill {kills}: {done} of {len(ids)} jobs done", flush=True)
    client.close()
    return kills


def check_jobs(client: HubClient, ids: list[str], reference: str) -> list[str]:
    problems: list[str] = []
    for job_id in ids:
        job = client.wait(job_id, 300)
        if job["state"] != "COMPLETED":
            problems.append(f"job {job_id} is {job['state']}: {job['reason']}")
            continue
        version = client.call("GET", f"/versions/{job['result']['version_id']}")
        if adapter_sha(version) != reference:
            problems.append(f"job {job_id} made another adapter than an undisturbed job")
    return problems


def adapter_sha(version: Json) -> str:
    return next(f["sha256"] for f in version["files"] if f["name"] == "adapters.safetensors")


def check_database(data_dir: Path, ids: list[str]) -> list[str]:
    problems: list[str] = []
    with sqlite3.connect(data_dir / "hub.db") as database:
        verdict = str(database.execute("PRAGMA integrity_check").fetchone()[0])
        if verdict != "ok":
            problems.append(f"integrity_check: {verdict}")
        query = "SELECT COUNT(*) FROM events WHERE subject_id = ? AND type IN (?, ?, ?)"
        for job_id in ids:
            count = int(database.execute(query, (job_id, *ENDS)).fetchone()[0])
            if count != 1:
                problems.append(f"job {job_id} ended {count} times")
        low, high, count = database.execute(
            "SELECT MIN(seq), MAX(seq), COUNT(*) FROM events"
        ).fetchone()
        if count and high - low + 1 != count:
            problems.append(f"events have gaps: {low} to {high}, but {count} of them")
        query = (
            "SELECT v.folder, f.name, f.sha256 FROM version_files f JOIN versions v "
            "ON v.id = f.version_id WHERE v.state = 'ready'"
        )
        for folder, name, sha in database.execute(query):
            file = data_dir / str(folder) / str(name)
            if hashlib.sha256(file.read_bytes()).hexdigest() != sha:
                problems.append(f"{file} has not its SHA-256")
    return problems


def run(options: argparse.Namespace, folder: Path) -> list[str]:
    data_dir = folder / "data"
    data_dir.mkdir()
    model = make_tiny_model(folder / "tiny")
    arguments = ("--allow-path", str(folder))
    environment = {"MLX_HUB_JOB_MAX_ATTEMPTS": "100", "MLX_HUB_JOB_RETRY_SECONDS": "0.1"}
    hub = HubProcess(options.build_dir.resolve(), data_dir, arguments, environment)
    with hub:
        client = connected(hub)
        client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
        client.upload_dataset("rows", write_rows(folder / "rows.jsonl"))
        first = client.wait(submit(client, "reference"), 300)
        if first["state"] != "COMPLETED":
            return [f"the undisturbed job failed: {first['reason']}"]
        version = client.call("GET", f"/versions/{first['result']['version_id']}")
        reference = adapter_sha(version)
        ids = [submit(client, f"chaos-{i}") for i in range(options.jobs)]
        client.close()
        kill_loop(hub, ids, options)
        client = connected(hub)
        problems = check_jobs(client, ids, reference)
        client.close()
    deadline = time.monotonic() + 10
    while (left := workers_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    problems += [f"worker {pid} is left over" for pid in left]
    return problems + check_database(data_dir, ids)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", choices=("server", "trainer", "engine"), default="server")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mlx-hub-chaos-") as folder:
        try:
            problems = run(options, Path(folder))
        except HubError as error:
            problems = [str(error)]
    for problem in problems:
        print(f"chaos: {problem}")
    print(
        f"chaos: {options.target} killed {options.kills} times, {options.jobs} jobs, seed "
        f"{options.seed}, {time.monotonic() - started:.0f} s: {len(problems)} problems"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
