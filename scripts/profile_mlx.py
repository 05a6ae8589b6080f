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
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from hub_client import DEFAULT_MODEL, Json
from package_files import cache_folder

GROUP = 64
BITS = 4
MEASURED_LAYERS = (1, 3)


@dataclass(frozen=True)
class Shape:
    """A Llama's sizes."""

    layers: int
    hidden: int
    feed_forward: int
    heads: int
    kv_heads: int
    vocabulary: int
    tied: bool

    def matrices(self, layer: int) -> dict[str, tuple[int, int]]:
        """(rows, columns) by module path."""
        head = self.hidden // self.heads
        path = f"model.layers.{layer}"
        return {
            f"{path}.self_attn.q_proj": (self.hidden, self.hidden),
            f"{path}.self_attn.k_proj": (self.kv_heads * head, self.hidden),
            f"{path}.self_attn.v_proj": (self.kv_heads * head, self.hidden),
            f"{path}.self_attn.o_proj": (self.hidden, self.hidden),
            f"{path}.mlp.gate_proj": (self.feed_forward, self.hidden),
            f"{path}.mlp.up_proj": (self.feed_forward, self.hidden),
            f"{path}.mlp.down_proj": (self.hidden, self.feed_forward),
        }


# Llama 3.2 and 3.1, and the default model.
SHAPES = {
    "135m": Shape(30, 576, 1536, 9, 3, 49152, tied=True),
    "1b": Shape(16, 2048, 8192, 32, 8, 128256, tied=True),
    "3b": Shape(28, 3072, 8192, 24, 8, 128256, tied=True),
    "8b": Shape(32, 4096, 14336, 32, 8, 128256, tied=False),
    "70b": Shape(80, 8192, 28672, 64, 8, 128256, tied=False),
}


def random_packed(rows: int, columns: int, random: np.random.Generator) -> dict[str, mx.array]:
    words = random.integers(0, 2**32, size=(rows, columns * BITS // 32), dtype=np.uint32)
    scale = 0.02 / 2 ** (BITS - 1)
    groups = (rows, columns // GROUP)
    return {
        "weight": mx.array(words),
        "scales": mx.full(groups, scale, dtype=mx.float16),
        "biases": mx.full(groups, -scale * 2 ** (BITS - 1), dtype=mx.float16),
    }


def write_model(folder: Path, shape: Shape) -> None:
    """A folder as mlx-lm's, with the default model's tokenizer (its ids are within the vocabulary)."""
    folder.mkdir()
    random = np.random.default_rng(0)
    matrices = {"model.embed_tokens": (shape.vocabulary, shape.hidden)}
    if not shape.tied:
        matrices["lm_head"] = (shape.vocabulary, shape.hidden)
    norms = ["model.norm"]
    for layer in range(shape.layers):
        matrices |= shape.matrices(layer)
        path = f"model.layers.{layer}"
        norms += [f"{path}.input_layernorm", f"{path}.post_attention_layernorm"]
    tensors = {f"{norm}.weight": mx.ones(shape.hidden) for norm in norms}
    for path, (rows, columns) in matrices.items():
        parts = random_packed(rows, columns, random)
        tensors |= {f"{path}.{name}": value for name, value in parts.items()}
    mx.save_safetensors(str(folder / "model.safetensors"), tensors, {"format": "mlx"})
    source = cache_folder() / "models" / DEFAULT_MODEL
    config: Json = json.loads((source / "config.json").read_text())
    quantization = {"group_size": GROUP, "bits": BITS}
    config |= {
        "hidden_size": shape.hidden,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.hidden // shape.heads,
        "vocab_size": shape.vocabulary,
        "tie_word_embeddings": shape.tied,
        "quantization": quantization,
        "quantization_config": quantization,
    }
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        shutil.copy(source / name, folder / name)


def write_rows(path: Path, rows: int, length: int) -> None:
    """Chat rows that are longer than `length` tokens, so that every batch is full."""
    text = "one two three four five six seven eight nine ten " * (length // 8 + 1)
    messages = [{"role": "user", "content": "Count."}, {"role": "assistant", "content": text}]
    path.write_text((json.dumps({"messages": messages}) + "\n") * rows)


def run_job(worker: Path, folder: Path, shape: Shape, options: argparse.Namespace) -> Json:
    """Phases of one run: bytes by name, from the worker's own events."""
    model = folder / f"model-{shape.layers}"
    write_model(model, shape)
    data = folder / "rows.jsonl"
    write_rows(data, 4 * options.batch, options.length)
    spec = {
        "protocol": 1,
        "job_id": f"profile-{shape.layers}",
        "kind": "finetune",
        "base": {"folder": str(model), "digest": "", "name": options.model},
        "adapter": None,
        "dataset": {"path": str(data), "digest": ""},
        "params": {
            "rank": options.rank,
            "batch_size": options.batch,
            "max_seq_length": options.length,
            "max_steps": options.steps,
            "epochs": options.steps,
            "eval_every": 0,
            "eval_fraction": 0.0,
            "save_every": 0,
        },
        "output_folder": str(folder / f"output-{shape.layers}"),
    }
    spec_file = folder / f"spec-{shape.layers}.json"
    spec_file.write_text(json.dumps(spec))
    phases: Json = {}
    started = time.monotonic()
    # The worker ends when its standard input closes, so it gets a pipe that stays open.
    with subprocess.Popen(
        [worker, "job", "--spec", str(spec_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout or ():
            event: Json = json.loads(line)
            if event["type"] == "ready":
                phases["weights"] = int(event["weight_bytes"])
            elif event["type"] == "memory":
                phases["after"] = int(event["active_bytes"])
                phases["peak"] = max(int(event["peak_bytes"]), phases.get("peak", 0))
                phases["resident"] = max(int(event["resident_bytes"]), phases.get("resident", 0))
            elif event["type"] == "metric" and "train_loss" in event:
                seconds = 1 / float(event["iterations_per_second"])
                print(
                    f"    {shape.layers} layers, step {event['step']}: {seconds:.1f} s", flush=True
                )
            elif event["type"] == "error":
                raise RuntimeError(str(event["message"]))
    if process.returncode != 0 or "peak" not in phases:
        raise RuntimeError(f"the worker ended with {process.returncode}")
    phases["seconds"] = time.monotonic() - started
    shutil.rmtree(model)
    return phases


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
                result["measured"] = run_job(worker, Path(name), shape, options)
                show(f"Measured with all {shape.layers} layers", result["measured"])
            else:
                runs = [
                    run_job(worker, Path(name), replace(shape, layers=n), options)
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
