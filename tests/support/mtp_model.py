"""A tiny Qwen3.5 with the default model's tokenizer and a head for further tokens that is always right."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import mlx.core as mx
from hub_client import DEFAULT_MODEL, Json
from mlx import utils as mlx_utils
from mlx_lm.models import qwen3_5
from package_files import cache_folder

HIDDEN = 64
INNER = 64
HEADS = 4
KV_HEADS = 2
HEAD_DIM = 16


def head_tensors(norm: mx.array) -> dict[str, mx.array]:
    """Hands the normed embedding of the next token on, which is what the model below makes of it, too."""
    layer = "mtp.layers.0."
    attention = f"{layer}self_attn."
    tensors = {
        "mtp.fc.weight": mx.concatenate([mx.eye(HIDDEN), mx.zeros((HIDDEN, HIDDEN))], axis=1),
        f"{attention}q_proj.weight": mx.zeros((2 * HEADS * HEAD_DIM, HIDDEN)),
        f"{attention}k_proj.weight": mx.zeros((KV_HEADS * HEAD_DIM, HIDDEN)),
        f"{attention}v_proj.weight": mx.zeros((KV_HEADS * HEAD_DIM, HIDDEN)),
        f"{attention}o_proj.weight": mx.zeros((HIDDEN, HEADS * HEAD_DIM)),
        f"{attention}q_norm.weight": mx.ones(HEAD_DIM),
        f"{attention}k_norm.weight": mx.ones(HEAD_DIM),
        f"{layer}mlp.gate_proj.weight": mx.zeros((INNER, HIDDEN)),
        f"{layer}mlp.up_proj.weight": mx.zeros((INNER, HIDDEN)),
        f"{layer}mlp.down_proj.weight": mx.zeros((HIDDEN, INNER)),
        "mtp.norm.weight": norm,
    }
    for name in ("mtp.pre_fc_norm_embedding", "mtp.pre_fc_norm_hidden"):
        tensors[f"{name}.weight"] = mx.ones(HIDDEN)
    for name in ("input_layernorm", "post_attention_layernorm"):
        tensors[f"{layer}{name}.weight"] = mx.ones(HIDDEN)
    return tensors


def make_mtp_model(folder: Path) -> Path:
    """Writes it as mlx-lm would, with the head that mlx-lm drops. Its layers add nothing, so that a token alone says
    which one comes next."""
    source = cache_folder() / "models" / DEFAULT_MODEL
    folder.mkdir(parents=True)
    known: Json = json.loads((source / "config.json").read_text())
    config: Json = {
        "model_type": "qwen3_5_text",
        "architectures": ["Qwen3_5ForCausalLM"],
        "vocab_size": known["vocab_size"],
        "bos_token_id": known["bos_token_id"],
        "eos_token_id": known["eos_token_id"],
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": 4,
        "full_attention_interval": 2,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM,
        "linear_num_value_heads": 4,
        "linear_num_key_heads": 2,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "linear_conv_kernel_dim": 4,
        "max_position_embeddings": 2048,
        "mtp_num_hidden_layers": 1,
        "rms_norm_eps": 1e-6,
        "tie_word_embeddings": False,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 100000.0,
            "partial_rotary_factor": 0.5,
        },
    }
    mx.random.seed(5)
    model: Any = qwen3_5.TextModel(qwen3_5.TextModelArgs.from_dict(config))
    weights: dict[str, mx.array] = dict(
        mlx_utils.tree_flatten(model.parameters())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    )
    for name in weights:
        if name.endswith(("o_proj.weight", "out_proj.weight", "down_proj.weight")):
            weights[name] = mx.zeros_like(weights[name])
    weights.update(head_tensors(weights["model.norm.weight"]))
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})
    (folder / "config.json").write_text(json.dumps(config))
    for file in source.iterdir():
        if file.name.startswith("tokenizer") or file.suffix == ".jinja":
            shutil.copy(file, folder / file.name)
    return folder
