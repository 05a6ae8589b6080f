"""Models of a few megabytes with random weights and the default model's tokenizer: jobs on them take a second."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from hub_client import DEFAULT_MODEL, Json
from mlx import utils as mlx_utils
from mlx_lm.models import llama
from package_files import cache_folder


@dataclass(frozen=True)
class TinyShape:
    hidden: int = 64
    inner: int = 128
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    bits: int = 4  # 0: float32
    group: int = 32


DEFAULT_SHAPE = TinyShape()


def make_tiny_model(folder: Path, shape: TinyShape = DEFAULT_SHAPE, seed: int = 0) -> Path:
    """Writes a folder as mlx-lm reads it; returns it."""
    source = cache_folder() / "models" / DEFAULT_MODEL
    folder.mkdir(parents=True, exist_ok=True)
    config: Json = json.loads((source / "config.json").read_text())
    config.pop("quantization", None)
    config.pop("quantization_config", None)
    config.update(
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.hidden // shape.heads,
    )
    mx.random.seed(seed)
    model: Any = llama.Model(llama.ModelArgs.from_dict(config))
    if shape.bits:
        nn.quantize(model, group_size=shape.group, bits=shape.bits)
        config["quantization"] = {"group_size": shape.group, "bits": shape.bits}
    weights: dict[str, mx.array] = dict(
        mlx_utils.tree_flatten(model.parameters())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    )
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})
    (folder / "config.json").write_text(json.dumps(config))
    for file in source.iterdir():
        if file.name.startswith("tokenizer") or file.suffix == ".jinja":
            shutil.copy(file, folder / file.name)
    return folder


def write_rows(path: Path, rows: int = 24, words: int = 12) -> Path:
    """A small chat data set whose rows differ in length."""
    with path.open("w") as file:
        for i in range(rows):
            text = " ".join(f"number {i * j}" for j in range(2 + i % words))
            messages = [
                {"role": "user", "content": f"Count from {i}."},
                {"role": "assistant", "content": text},
            ]
            file.write(json.dumps({"messages": messages}) + "\n")
    return path
