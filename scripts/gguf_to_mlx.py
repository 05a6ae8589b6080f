"""Turns a GGUF file (llama, Q4_1 and Q8_0) into what mlx-lm reads, without changing a value.

A Q4_1 block {d, m, 16 bytes} is MLX's affine 4-bit format with group 32: w = d*q + m. A Q8_0 block
{d, 32 int8} is affine 8 bit with q + 128 and bias -128*d. Block layouts: llama.cpp, ggml-common.h;
packing: MLX puts element i of a row at bits bits*(i % (32/bits)) of word i // (32/bits).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType, GGUFReader, ReaderTensor
from gguf.quants import dequantize

Array = npt.NDArray[Any]
GROUP = 32

# GGUF's names of a layer's tensors -> Hugging Face's. Norms are not quantized.
LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
TOP_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
CONTROL_TOKEN = 3  # llama.cpp's LLAMA_TOKEN_TYPE_CONTROL


class ConversionError(Exception):
    """The file is not what this converter was written for."""


@dataclass(frozen=True)
class Quantized:
    """One matrix in MLX's layout: words (rows, cols*bits/32) uint32, the rest (rows, cols/32)."""

    words: Array
    scales: Array
    biases: Array
    bits: int


def field(reader: GGUFReader, name: str) -> Any:
    found = reader.fields.get(name)
    if found is None:
        raise ConversionError(f"the GGUF file has no field {name}")
    return found.contents()


def hub_name(gguf_name: str) -> str:
    """'blk.3.attn_q.weight' -> 'model.layers.3.self_attn.q_proj'."""
    parts = gguf_name.removesuffix(".weight").split(".")
    if parts[0] == "blk" and len(parts) == 3 and parts[2] in LAYER_NAMES:
        return f"model.layers.{parts[1]}.{LAYER_NAMES[parts[2]]}"
    if len(parts) == 1 and parts[0] in TOP_NAMES:
        return TOP_NAMES[parts[0]]
    raise ConversionError(f"unknown tensor {gguf_name}")


def row_order(gguf_name: str, rows: int, heads: int, kv_heads: int) -> Array | None:
    """The order that undoes llama.cpp's permutation of the rows of q and k; None for the others."""
    if ".attn_q." in gguf_name:
        count = heads
    elif ".attn_k." in gguf_name:
        count = kv_heads
    else:
        return None
    half = rows // count // 2
    return np.arange(rows).reshape(count, half, 2).swapaxes(1, 2).reshape(rows)


def _pack(values: Array, bits: int) -> Array:
    """(rows, cols) uint8 -> (rows, cols*bits/32) uint32, element 0 in the low bits."""
    per_word = 32 // bits
    rows, cols = values.shape
    grouped = values.astype(np.uint32).reshape(rows, cols // per_word, per_word)
    shifts = np.arange(per_word, dtype=np.uint32) * np.uint32(bits)
    return np.bitwise_or.reduce(grouped << shifts, axis=2)


def _float16_at(blocks: Array, offset: int) -> Array:
    return np.ascontiguousarray(blocks[..., offset : offset + 2]).view(np.float16)[..., 0]


def convert_q4_1(data: Array) -> Quantized:
    rows = data.shape[0]
    blocks = data.reshape(rows, -1, 20)
    nibbles = blocks[..., 4:]
    values = np.concatenate([nibbles & 15, nibbles >> 4], axis=-1).reshape(rows, -1)
    return Quantized(_pack(values, 4), _float16_at(blocks, 0), _float16_at(blocks, 2), 4)


def convert_q8_0(data: Array) -> Quantized:
    rows = data.shape[0]
    blocks = data.reshape(rows, -1, 34)
    values = (np.ascontiguousarray(blocks[..., 2:]).view(np.int8).astype(np.int16) + 128).astype(
        np.uint8
    )
    scales = _float16_at(blocks, 0)
    # -128*d is exact in float16 (a power of two) unless it overflows, which is checked.
    biases = (scales.astype(np.float32) * np.float32(-128)).astype(np.float16)
    if not np.isfinite(biases).all():
        raise ConversionError("a Q8_0 scale is too large for a float16 bias")
    return Quantized(_pack(values.reshape(rows, -1), 8), scales, biases, 8)


def convert_matrix(tensor: ReaderTensor, order: Array | None) -> Quantized:
    data = np.asarray(tensor.data)
    if order is not None:
        data = data[order]
    if tensor.tensor_type == GGMLQuantizationType.Q4_1:
        return convert_q4_1(data)
    if tensor.tensor_type == GGMLQuantizationType.Q8_0:
        return convert_q8_0(data)
    raise ConversionError(
        f"{tensor.name} is {tensor.tensor_type.name}; only Q4_1, Q8_0 and F32 are converted"
    )


def unpack(matrix: Quantized) -> Array:
    """What MLX computes from the packed form, in float32: scales*q + biases."""
    per_word = 32 // matrix.bits
    shifts = np.arange(per_word, dtype=np.uint32) * np.uint32(matrix.bits)
    rows = matrix.words.shape[0]
    values = ((matrix.words[..., None] >> shifts) & np.uint32(2**matrix.bits - 1)).reshape(
        rows, -1, GROUP
    )
    scaled = values.astype(np.float32) * matrix.scales.astype(np.float32)[..., None]
    return (scaled + matrix.biases.astype(np.float32)[..., None]).reshape(rows, -1)


def check_lossless(tensor: ReaderTensor, matrix: Quantized, order: Array | None) -> None:
    """Compares with gguf's own dequantization: exact for 4 bit, one rounding for 8 bit."""
    expected = dequantize(np.asarray(tensor.data), tensor.tensor_type)
    if order is not None:
        expected = expected[order]
    difference = float(np.abs(unpack(matrix) - expected).max())
    allowed = (
        0.0 if matrix.bits == 4 else 2**-16 * float(np.abs(matrix.biases.astype(np.float32)).max())
    )
    if difference > allowed:
        raise ConversionError(f"{tensor.name} differs from the GGUF file by {difference}")


def config(reader: GGUFReader, tied: bool, eight_bit: list[str]) -> dict[str, Any]:
    """config.json as Hugging Face and mlx-lm read it."""
    if field(reader, "general.architecture") != "llama":
        raise ConversionError("only the llama architecture is converted")
    heads = int(field(reader, "llama.attention.head_count"))
    hidden = int(field(reader, "llama.embedding_length"))
    quantization: dict[str, Any] = {"group_size": GROUP, "bits": 4}
    for name in eight_bit:
        quantization[name] = {"group_size": GROUP, "bits": 8}
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": int(field(reader, "tokenizer.ggml.bos_token_id")),
        "eos_token_id": int(field(reader, "tokenizer.ggml.eos_token_id")),
        "head_dim": hidden // heads,
        "hidden_act": "silu",
        "hidden_size": hidden,
        "intermediate_size": int(field(reader, "llama.feed_forward_length")),
        "max_position_embeddings": int(field(reader, "llama.context_length")),
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": heads,
        "num_hidden_layers": int(field(reader, "llama.block_count")),
        "num_key_value_heads": int(field(reader, "llama.attention.head_count_kv")),
        "pad_token_id": int(field(reader, "tokenizer.ggml.padding_token_id")),
        "quantization": quantization,
        "quantization_config": quantization,
        "rms_norm_eps": float(
            np.float32(field(reader, "llama.attention.layer_norm_rms_epsilon")).astype(str)
        ),
        "rope_scaling": None,
        "rope_theta": float(field(reader, "llama.rope.freq_base")),
        "tie_word_embeddings": tied,
        "torch_dtype": "float32",
        "vocab_size": len(field(reader, "tokenizer.ggml.tokens")),
    }


def _special_tokens(reader: GGUFReader) -> list[tuple[int, str]]:
    tokens = cast(list[str], field(reader, "tokenizer.ggml.tokens"))
    types = cast(list[int], field(reader, "tokenizer.ggml.token_type"))
    return [(index, tokens[index]) for index, kind in enumerate(types) if kind == CONTROL_TOKEN]


def _added_token(content: str) -> dict[str, Any]:
    flags = {
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
    return {"content": content, **flags}


def tokenizer(reader: GGUFReader) -> dict[str, Any]:
    """tokenizer.json of Hugging Face's `tokenizers`."""
    if (field(reader, "tokenizer.ggml.model"), field(reader, "tokenizer.ggml.pre")) != (
        "gpt2",
        "smollm",
    ):
        raise ConversionError("only the tokenizer 'gpt2' with pre-tokenizer 'smollm' is converted")
    tokens = cast(list[str], field(reader, "tokenizer.ggml.tokens"))
    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": True,
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": index, **_added_token(text)} for index, text in _special_tokens(reader)
        ],
        "normalizer": None,
        # llama.cpp's `smollm`: every digit alone, then GPT-2's pattern.
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level],
        },
        "post_processor": None,
        "decoder": {**byte_level, "add_prefix_space": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {text: index for index, text in enumerate(tokens)},
            "merges": field(reader, "tokenizer.ggml.merges"),
        },
    }


def tokenizer_config(reader: GGUFReader) -> dict[str, Any]:
    tokens = cast(list[str], field(reader, "tokenizer.ggml.tokens"))

    def token(name: str) -> str:
        return tokens[int(field(reader, f"tokenizer.ggml.{name}_token_id"))]

    return {
        "add_prefix_space": False,
        "added_tokens_decoder": {
            str(index): _added_token(text) for index, text in _special_tokens(reader)
        },
        "additional_special_tokens": [token("bos"), token("eos")],
        "bos_token": token("bos"),
        "chat_template": field(reader, "tokenizer.chat_template"),
        "clean_up_tokenization_spaces": False,
        "eos_token": token("eos"),
        "model_max_length": int(field(reader, "llama.context_length")),
        "pad_token": token("padding"),
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": token("unknown"),
    }


def dump(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
