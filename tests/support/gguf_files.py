"""GGUF files of a tiny llama, written with the `gguf` package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import quantize

Array = npt.NDArray[Any]
WIDTH = 256
HEADS, KV_HEADS = 4, 2
# Where the two half-precision scales of a block lie; other bytes may be anything.
SCALES = {"Q2_K": (80, 82), "Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}
TOKENS = ["<s>", "</s>", "<unk>", *(chr(code) for code in range(97, 123)), "ab", "abc"]


def packed(values: Array, kind: GGMLQuantizationType, chance: np.random.Generator) -> Array:
    """The matrix in the type's blocks. K-quants have no encoder: random blocks of a sane size."""
    if kind == GGMLQuantizationType.F32:
        return values.astype(np.float32)
    if kind == GGMLQuantizationType.F16:
        return values.astype(np.float16)
    if kind.name not in SCALES:
        return quantize(values.astype(np.float32), kind)
    block, size = GGML_QUANT_SIZES[kind]
    blocks = chance.integers(0, 256, (values.shape[0], values.shape[1] // block, size), np.uint8)
    for offset in SCALES[kind.name]:
        scale = np.float16(0.001).tobytes()
        blocks[..., offset : offset + 2] = np.frombuffer(scale, np.uint8)
    return blocks.reshape(values.shape[0], -1)


def write_llama(
    path: Path,
    kinds: dict[str, GGMLQuantizationType],
    other: GGMLQuantizationType = GGMLQuantizationType.Q4_1,
    sentencepiece: bool = False,
    seed: int = 0,
    more_tokens: int = 0,
    layers: int = 1,
) -> None:
    """Matrices are of type `other` unless `kinds` names theirs by a part of the name."""
    chance = np.random.default_rng(seed)
    writer = GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(128)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(100000.0)
    tokens = [*TOKENS, *(f"more{index}" for index in range(more_tokens))]
    types = [3, 3, 2] + [1] * (len(tokens) - 3)
    if sentencepiece:
        writer.add_tokenizer_model("llama")
        tokens = [*tokens, *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", "\u2581a"]
        types += [6] * 256 + [1, 1]
        writer.add_token_scores([-float(index) for index in range(len(tokens))])
        writer.add_add_bos_token(True)
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("smollm")
        writer.add_token_merges(["a b", "ab c"])
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_pad_token_id(1)
    writer.add_unk_token_id(2)
    writer.add_chat_template("{{ messages[0]['content'] }}")

    kv_rows = WIDTH // HEADS * KV_HEADS
    matrices = {"token_embd.weight": len(tokens)}
    for layer in range(layers):
        rows = dict.fromkeys(("attn_q", "attn_output", "ffn_gate", "ffn_up", "ffn_down"), WIDTH)
        rows |= {"attn_k": kv_rows, "attn_v": kv_rows}
        matrices |= {f"blk.{layer}.{name}.weight": count for name, count in rows.items()}
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{norm}.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for name, rows in matrices.items():
        kind = next((kinds[part] for part in kinds if part in name), other)
        values = chance.normal(0, 0.05, (rows, WIDTH))
        writer.add_tensor(name, packed(values, kind, chance), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
