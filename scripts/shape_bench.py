"""The GPU side of bench_training.py: LoRA steps on a model of a true size with random weights, back to back.

Ours (the worker's own job), mlx-lm on the same folder and tokens, and PyTorch (scripts/torch_lora.py) where it is
installed. Every row is longer than a batch's, so all sides see full batches of batch x length inputs. Each program
runs alone; the first steps (compilation, growing pools) are left out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm_peer import Peer
from random_model import SHAPES, write_model
from training_job import run_job, write_rows

Json = dict[str, Any]
WARM_UP_STEPS = 3
RANKS = "ranks"  # ours on several GPUs, each with a batch


def ours(
    model: Path, folder: Path, number: int, options: argparse.Namespace, ranks: int = 1
) -> Json:
    # One epoch, whose first step alone is not built ahead of the device.
    count = (options.steps + 1) * options.batch * ranks
    rows = write_rows(folder / "rows.jsonl", count, options.length + 1)
    params = {
        "rank": options.rank,
        "num_layers": options.layers,
        "batch_size": options.batch,
        # The last token of a row is only a target.
        "max_seq_length": options.length + 1,
        "lr_schedule": "constant",
        "epochs": options.steps,
        "max_steps": options.steps,
        "eval_every": 0,
        "eval_fraction": 0.0,
        "save_every": 0,
        "grad_checkpoint": options.grad_checkpoint,
    }
    worker = options.build_dir.resolve() / "mlx-hub-worker"
    output = folder / f"ours-{ranks}-{number}"
    memory_limit_bytes = int(options.memory_limit_gb * 1e9)
    result = run_job(
        worker, model, rows, output, params, memory_limit_bytes=memory_limit_bytes, ranks=ranks
    )
    result.pop("steps")
    return result


def mlx_lm(model: Path, folder: Path, options: argparse.Namespace) -> Json:
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    with Peer(model) as peer:
        return peer.call(
            do="train",
            rows=rows,
            params={
                "rank": options.rank,
                "scale": 20.0,
                "learning_rate": 1e-4,
                "batch": options.batch,
                "steps": options.steps,
                "length": options.length + 1,
                "num_layers": options.layers,
                "grad_checkpoint": options.grad_checkpoint,
            },
        )


def torch_lora(options: argparse.Namespace) -> Json:
    script = Path(__file__).with_name("torch_lora.py")
    numbers = {
        "--batch": options.batch,
        "--length": options.length,
        "--layers": options.layers,
        "--rank": options.rank,
        "--steps": options.steps,
    }
    arguments = [str(part) for pair in numbers.items() for part in pair]
    done = subprocess.run(
        [options.torch_python, script, "--shape", options.shape, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{script.name}: {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(done.stdout.splitlines()[-1])


def summary(runs: dict[str, list[Json]], tokens_of_rank: int, ranks: int) -> Json:
    result: Json = {"tokens_per_step": tokens_of_rank, "ranks": ranks}
    for name, repeats in runs.items():
        tokens = tokens_of_rank * (ranks if name == RANKS else 1)
        steps = [s for repeat in repeats for s in repeat["step_seconds"][WARM_UP_STEPS:]]
        result[name] = {
            "step_ms": 1e3 * statistics.median(steps),
            "tokens_per_second": tokens / statistics.median(steps),
            "best_tokens_per_second": tokens / min(steps),
            "peak_gb": max(int(repeat["peak_bytes"]) for repeat in repeats) / 1e9,
            "first_step_seconds": repeats[0]["step_seconds"][0],
            "first_loss": repeats[0]["losses"][0],
            "last_loss": repeats[0]["losses"][-1],
            "steps": len(steps),
        }
    return result


def run(options: argparse.Namespace) -> Json:
    runs: dict[str, list[Json]] = {}
    tokens = options.batch * options.length
    folder = Path(tempfile.mkdtemp(prefix="mlx-hub-shape-", dir=options.work))
    try:
        model = write_model(folder / "model", SHAPES[options.shape], mx.bfloat16)
        for number in range(options.rounds):
            for name in options.peers:
                if name == "ours":
                    one = ours(model, folder, number, options)
                elif name == RANKS:
                    one = ours(model, folder, number, options, options.ranks)
                elif name == "mlx-lm":
                    one = mlx_lm(model, folder, options)
                else:
                    one = torch_lora(options)
                runs.setdefault(name, []).append(one)
                print(f"  round {number + 1}: {name} done", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(folder)
    return {"shape": options.shape, "runs": runs, **summary(runs, tokens, options.ranks)}


def show(result: Json, options: argparse.Namespace) -> None:
    print(
        f"{options.shape}, 4 bit: LoRA rank {options.rank} on all linears of {options.layers} layers, "
        f"{options.batch} x {options.length} tokens a step, mlx {version('mlx')}"
    )
    print(f"{'':10} {'ms/step':>9} {'tok/s':>9} {'best':>9} {'peak GB':>8} {'first s':>8} loss")
    for name in options.peers:
        one: Json = result[name]
        print(
            f"{name:10} {one['step_ms']:9.1f} {one['tokens_per_second']:9.0f} "
            f"{one['best_tokens_per_second']:9.0f} {one['peak_gb']:8.2f} "
            f"{one['first_step_seconds']:8.1f} {one['first_loss']:.3f} -> {one['last_loss']:.3f}"
        )
