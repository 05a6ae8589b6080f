"""A Llama of a few thousand random weights as a repository of the Hub has it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 64,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    hidden, inner = int(config["hidden_size"]), int(config["intermediate_size"])
    queries = int(config["num_attention_heads"]) * int(config["head_dim"])
    keys = int(config["num_key_value_heads"]) * int(config["head_dim"])
    found: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (int(config["vocab_size"]), hidden),
        "model.norm.weight": (hidden,),
    }
    for layer in range(int(config["num_hidden_layers"])):
        path = f"model.layers.{layer}."
        found |= {
            f"{path}input_layernorm.weight": (hidden,),
            f"{path}post_attention_layernorm.weight": (hidden,),
            f"{path}self_attn.q_proj.weight": (queries, hidden),
            f"{path}self_attn.k_proj.weight": (keys, hidden),
            f"{path}self_attn.v_proj.weight": (keys, hidden),
            f"{path}self_attn.o_proj.weight": (hidden, queries),
            f"{path}mlp.gate_proj.weight": (inner, hidden),
            f"{path}mlp.up_proj.weight": (inner, hidden),
            f"{path}mlp.down_proj.weight": (hidden, inner),
        }
    return found


def repository(seed: int = 0, shards: int = 1, **changes: Any) -> dict[str, bytes]:
    """config.json, weights in that many shards, and what a pull must leave alone."""
    config = {**CONFIG, **changes}
    chance = np.random.default_rng(seed)
    tensors = {
        name: (
            np.ones(shape, np.float16)
            if len(shape) == 1
            else chance.normal(0, shape[1] ** -0.5, shape).astype(np.float16)
        )
        for name, shape in shapes(config).items()
    }
    files = {
        "config.json": json.dumps(config, indent=2).encode(),
        "generation_config.json": b'{"bos_token_id": 1, "eos_token_id": 2}',
        "README.md": b"# A tiny model\n",
        "LICENSE": b"Apache-2.0\n",
        "pytorch_model.bin": random.Random(seed).randbytes(5000),
        "modeling_tiny.py": b"raise SystemExit('never run')\n",
        "onnx/model.onnx": b"not needed",
    }
    if shards == 1:
        return {**files, "model.safetensors": save(tensors, {"format": "mlx"})}
    names = sorted(tensors)
    weight_map: dict[str, str] = {}
    for number in range(shards):
        shard = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        part = names[number::shards]
        weight_map |= dict.fromkeys(part, shard)
        files[shard] = save({name: tensors[name] for name in part}, {"format": "mlx"})
    index = {"metadata": {}, "weight_map": weight_map}
    return {**files, "model.safetensors.index.json": json.dumps(index).encode()}


def with_tokenizer(files: dict[str, bytes], model: Path) -> dict[str, bytes]:
    """The same with the tokenizer of a real model, so that it can be trained on text."""
    names = ("tokenizer.json", "tokenizer_config.json")
    return {**files, **{name: (model / name).read_bytes() for name in names}}
