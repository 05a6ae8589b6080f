"""One fine-tuning job run by the worker itself, without a hub: what its events say of time and memory."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def write_rows(path: Path, rows: int, length: int) -> Path:
    """Chat rows that are longer than `length` tokens, so that every batch is full."""
    text = "one two three four five six seven eight nine ten " * (length // 8 + 1)
    messages = [{"role": "user", "content": "Count."}, {"role": "assistant", "content": text}]
    path.write_text((json.dumps({"messages": messages}) + "\n") * rows)
    return path


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def ranks_of(command: list[str], ranks: int, folder: Path) -> Generator[subprocess.Popen[str]]:
    """The processes of a job, a GPU each if there are several, as core/hub/rank_launch.cpp starts them: rank 0."""
    shared: dict[str, str] = {}
    if ranks > 1:
        hosts = [[f"127.0.0.1:{free_port()}"] for _ in range(ranks)]
        (folder / "hosts.json").write_text(json.dumps(hosts))
        shared = {
            "MLX_HOSTFILE": str(folder / "hosts.json"),
            "MLX_WORLD_SIZE": str(ranks),
            "NCCL_HOST_IP": "127.0.0.1",
            "NCCL_PORT": str(free_port()),
            "NCCL_SOCKET_IFNAME": "lo",
        }
    processes: list[subprocess.Popen[str]] = []
    try:
        for rank in range(ranks):
            own = {"MLX_RANK": str(rank), "CUDA_VISIBLE_DEVICES": str(rank)} if ranks > 1 else {}
            # The worker ends when its standard input closes, so it gets a pipe that stays open.
            processes.append(
                subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE if rank == 0 else subprocess.DEVNULL,
                    text=True,
                    env={**os.environ, **shared, **own},
                )
            )
        yield processes[0]
        for process in processes:
            process.wait(timeout=60)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def specification(
    kind: str, model: Path, data: Path, output: Path, params: Json, memory_limit_bytes: int = 0
) -> Json:
    """What api/worker/job_worker.h describes."""
    return {
        "protocol": 1,
        "job_id": output.name,
        "kind": kind,
        "base": {"folder": str(model), "digest": "", "name": model.name},
        "adapter": None,
        "dataset": {"path": str(data), "digest": ""},
        "params": params,
        "output_folder": str(output),
        "memory_limit_bytes": memory_limit_bytes,
    }


def estimate_job(worker: Path, model: Path, data: Path, folder: Path, params: Json) -> Json:
    """The product's own estimate of a fine-tuning, part by part (FinetuneMemory of
    core/model_config/memory_estimate.h), without running it. Raises RuntimeError with the worker's reason."""
    spec_file = folder / "estimate.json"
    spec_file.write_text(json.dumps(specification("estimate", model, data, folder, params)))
    with ranks_of([str(worker), "job", "--spec", str(spec_file)], 1, folder) as process:
        for line in process.stdout or ():
            event: Json = json.loads(line)
            if event["type"] == "result":
                return event
            if event["type"] == "error":
                raise RuntimeError(str(event["message"]))
    raise RuntimeError(f"the worker ended with {process.returncode}")


def run_job(
    worker: Path,
    model: Path,
    data: Path,
    output: Path,
    params: Json,
    *,
    memory_limit_bytes: int = 0,
    ranks: int = 1,
    on_step: Callable[[Json], None] | None = None,
) -> Json:
    """Raises RuntimeError with the worker's reason when the job fails. With several ranks memory is rank 0's."""
    output.mkdir(parents=True, exist_ok=True)
    spec = {
        **specification(
            "finetune",
            model,
            data,
            output,
            {**params, "data_parallel": ranks},
            memory_limit_bytes,
        ),
        "distributed": "auto" if ranks > 1 else "",
    }
    spec_file = output / "spec.json"
    spec_file.write_text(json.dumps(spec))
    result: Json = {"steps": [], "log": [], "peak_bytes": 0, "resident_bytes": 0, "cache_bytes": 0}
    command = [str(worker), "job", "--spec", str(spec_file)]
    with ranks_of(command, ranks, output) as process:
        for line in process.stdout or ():
            event: Json = json.loads(line)
            if event["type"] == "ready":
                result["weight_bytes"] = int(event["weight_bytes"])
            elif event["type"] == "memory":
                result["active_bytes"] = int(event["active_bytes"])
                for key in ("peak_bytes", "resident_bytes", "cache_bytes"):
                    result[key] = max(int(event[key]), result[key])
            elif event["type"] == "metric" and "train_loss" in event:
                result["steps"].append(event)
                if on_step:
                    on_step(event)
            elif event["type"] == "log":
                result["log"].append(str(event["message"]))
            elif event["type"] == "error":
                raise RuntimeError(str(event["message"]))
    if process.returncode != 0 or "active_bytes" not in result:
        raise RuntimeError(f"the worker ended with {process.returncode}")
    result["step_seconds"] = [1.0 / float(one["iterations_per_second"]) for one in result["steps"]]
    result["losses"] = [float(one["train_loss"]) for one in result["steps"]]
    return result
