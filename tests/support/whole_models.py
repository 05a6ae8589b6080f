"""Tiny models that also see, as mlx-lm saves them, with the default model's tokenizer."""

from __future__ import annotations

import copy
import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import mlx.core
from family_cases import CASES
from hub_client import DEFAULT_MODEL, Json
from package_files import cache_folder

# MLX and mlx-lm are only partly typed.
mx: Any = mlx.core
tree_flatten: Any = importlib.import_module("mlx.utils").__dict__["tree_flatten"]

# model_type of the whole -> the case of family_cases.py whose shape its text has.
WHOLES = {"gemma3": "gemma3", "qwen3_5": "qwen3_5"}


def make_whole_model(folder: Path, model_type: str) -> Path:
    """Writes a folder as mlx-lm reads it, with a tensor of the part that sees; returns it."""
    source = cache_folder() / "models" / DEFAULT_MODEL
    text: Json = copy.deepcopy(CASES[WHOLES[model_type]])
    config: Json = {"model_type": model_type, "vocab_size": 49152, "text_config": text}
    text["vocab_size"] = 49152
    module = importlib.import_module(f"mlx_lm.models.{model_type}")
    mx.random.seed(7)
    model: Any = module.Model(module.ModelArgs.from_dict(copy.deepcopy(config)))
    weights = dict(tree_flatten(model.parameters()))
    if text.get("tie_word_embeddings", model_type == "gemma3"):
        weights = {name: array for name, array in weights.items() if "lm_head" not in name}
    weights["vision_tower.patch_embed.weight"] = mx.zeros((8, 8))
    folder.mkdir(parents=True)
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "mlx"})
    (folder / "config.json").write_text(json.dumps(config))
    for file in source.iterdir():
        if file.name.startswith("tokenizer") or file.suffix == ".jinja":
            shutil.copy(file, folder / file.name)
    return folder
