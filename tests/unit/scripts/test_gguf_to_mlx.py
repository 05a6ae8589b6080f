"""The conversion from GGUF's blocks to MLX's layout, against gguf's and MLX's own dequantization."""

from __future__ import annotations

from typing import Any

import gguf_to_mlx
import mlx.core as mx
import numpy as np
import numpy.typing as npt
import pytest
from gguf import GGMLQuantizationType
from gguf.quants import dequantize, quantize

Array = npt.NDArray[Any]


def random_matrix(rows: int, columns: int) -> Array:
    return np.random.default_rng(7).standard_normal((rows, columns)).astype(np.float32)


def through_mlx(matrix: gguf_to_mlx.Quantized) -> Array:
    scales = mx.array(matrix.scales.astype(np.float32))
    biases = mx.array(matrix.biases.astype(np.float32))
    words = mx.array(matrix.words)
    values: Any = mx.dequantize(words, scales, biases, gguf_to_mlx.GROUP, matrix.bits)
    return np.asarray(values, dtype=np.float32)


def test_q4_1_is_lossless() -> None:
    blocks = quantize(random_matrix(6, 128), GGMLQuantizationType.Q4_1)
    matrix = gguf_to_mlx.convert_q4_1(blocks)
    assert matrix.words.shape == (6, 128 * 4 // 32)
    expected = dequantize(blocks, GGMLQuantizationType.Q4_1)
    np.testing.assert_array_equal(gguf_to_mlx.unpack(matrix), expected)
    np.testing.assert_array_equal(through_mlx(matrix), expected)


def test_q8_0_differs_by_one_rounding_at_most() -> None:
    blocks = quantize(random_matrix(6, 128), GGMLQuantizationType.Q8_0)
    matrix = gguf_to_mlx.convert_q8_0(blocks)
    assert matrix.words.shape == (6, 128 * 8 // 32)
    expected = dequantize(blocks, GGMLQuantizationType.Q8_0)
    np.testing.assert_allclose(through_mlx(matrix), expected, rtol=0, atol=1e-5)


def test_row_order_undoes_the_interleaving_of_llama_cpp() -> None:
    heads, head_dim = 3, 8
    rows = np.arange(heads * head_dim)
    # convert_hf_to_gguf.py, permute(): halves of a head become neighbours.
    permuted = rows.reshape(heads, 2, head_dim // 2).swapaxes(1, 2).reshape(-1)
    order = gguf_to_mlx.row_order("blk.0.attn_q.weight", len(rows), heads, 1)
    assert order is not None
    np.testing.assert_array_equal(permuted[order], rows)
    assert gguf_to_mlx.row_order("blk.0.attn_v.weight", len(rows), heads, 1) is None


@pytest.mark.parametrize(
    ("gguf_name", "name"),
    [
        ("blk.12.attn_output.weight", "model.layers.12.self_attn.o_proj"),
        ("token_embd.weight", "model.embed_tokens"),
        ("output_norm.weight", "model.norm"),
    ],
)
def test_names(gguf_name: str, name: str) -> None:
    assert gguf_to_mlx.hub_name(gguf_name) == name


def test_an_unknown_tensor_is_named() -> None:
    with pytest.raises(gguf_to_mlx.ConversionError, match=r"blk\.0\.attn_rot"):
        gguf_to_mlx.hub_name("blk.0.attn_rot.weight")
