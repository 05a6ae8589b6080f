"""Memory of a dummy training step (QLoRA) of a model of a given size, measured with random weights.

    uv run python scripts/profile_mlx.py --model 8b --batch 4

The hub's own trainer runs a few steps on a random 4-bit model of the true width and vocabulary. On a GPU, or with
--full, it has all layers. Otherwise, since a CPU would take many minutes, it is run with 1 and with 3 layers, and the
figures of the whole model are extrapolated: every layer adds the same weights, activations, gradients and optimizer
state. What is measured and what is extrapolated is said in the output.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
from hub_client import Json
from random_model import GROUP, SHAPES, Shape, write_model
from training_job import run_job, write_rows

MEASURED_LAYERS = (1, 3)


def measure(worker: Path, folder: Path, shape: Shape, options: argparse.Namespace) -> Json:
    """Phases of one run: bytes by name, from the worker's own events."""
    half = mx.bfloat16 if has_gpu() else mx.float16
    model = write_model(folder / f"model-{shape.layers}", shape, half)
    params = {
        "rank": options.rank,
        "batch_size": options.batch,
        "max_seq_length": options.length,
        "max_steps": options.steps,
        "epochs": options.steps,
        "eval_every": 0,
        "eval_fraction": 0.0,
        "save_every": 0,
    }

    def say(event: Json) -> None:
        seconds = 1 / float(event["iterations_per_second"])
        print(f"    {shape.layers} layers, step {event['step']}: {seconds:.1f} s", flush=True)

    started = time.monotonic()
    rows = write_rows(folder / "rows.jsonl", 4 * options.batch, options.length)
    result = run_job(worker, model, rows, folder / f"output-{shape.layers}", params, on_step=say)
    shutil.rmtree(model)
    return {
        "weights": result["weight_bytes"],
        "after": result["active_bytes"],
        "peak": result["peak_bytes"],
        "resident": result["resident_bytes"],
        "seconds": time.monotonic() - started,
    }


def extrapolated(one: Json, three: Json, layers: int) -> Json:
    """What is linear in the number of layers, at `layers`."""
    few, many = MEASURED_LAYERS
    result: Json = {}
    for key in ("weights", "after", "peak"):
        per_layer = (three[key] - one[key]) / (many - few)
        result[key] = int(one[key] + per_layer * (layers - few))
    return result


def show(title: str, phases: Json) -> None:
    names = {
        "weights": "base weights",
        "peak": "peak during a step",
        "after": "active between steps",
        "resident": "resident set of the process",
    }
    print(title)
    for key, name in names.items():
        if key in phases:
            print(f"  {name:32} {phases[key] / 2**30:8.3f} GiB")


def has_gpu() -> bool:
    return mx.default_device() == mx.Device(mx.DeviceType.gpu)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=sorted(SHAPES), default="8b")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--length", type=int, default=64, help="tokens of a row")
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--full", action="store_true", help="all layers, also on a CPU")
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    worker = options.build_dir.resolve() / "mlx-hub-worker"
    if not worker.exists():
        print(f"profile_mlx: {worker} is missing: run scripts/setup", file=sys.stderr)
        return 1
    shape = SHAPES[options.model]
    device = "GPU" if has_gpu() else "CPU"
    print(
        f"{options.model}: {shape.layers} layers, width {shape.hidden}, 4 bit, group {GROUP}; LoRA rank "
        f"{options.rank}; batch {options.batch} of {options.length} tokens; device {device}"
    )
    whole = options.full or has_gpu() or shape.layers * shape.hidden < 30000
    result: dict[str, Any] = {
        "model": options.model,
        "batch": options.batch,
        "length": options.length,
    }
    try:
        with tempfile.TemporaryDirectory(prefix="mlx-hub-profile-") as name:
            if whole:
                result["measured"] = measure(worker, Path(name), shape, options)
                show(f"Measured with all {shape.layers} layers", result["measured"])
            else:
                runs = [
                    measure(worker, Path(name), replace(shape, layers=n), options)
                    for n in MEASURED_LAYERS
                ]
                result["measured"] = dict(zip(map(str, MEASURED_LAYERS), runs, strict=True))
                for count, phases in zip(MEASURED_LAYERS, runs, strict=True):
                    show(f"Measured with {count} of {shape.layers} layers", phases)
                result["extrapolated"] = extrapolated(runs[0], runs[1], shape.layers)
                show(
                    f"Extrapolated to {shape.layers} layers (not measured)", result["extrapolated"]
                )
    except (RuntimeError, OSError, ValueError) as error:
        print(f"profile_mlx: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
