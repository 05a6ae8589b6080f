"""Models of true width, depth and vocabulary with random 4-bit weights, for measuring time and memory.

uv run python scripts/random_model.py --shape 8b FOLDER
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx
from hub_client import DEFAULT_MODEL, Json
from package_files import cache_folder

GROUP = 64
BITS = 4
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "generation_config.json")


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


# SmolLM2's (135m, 360m, 1.7b), Llama 3.2's and 3.1's (1b, 3b, 8b, 70b) and Qwen2.5's (7b, 14b, 32b) sizes.
SHAPES = {
    "135m": Shape(30, 576, 1536, 9, 3, 49152, tied=True),
    "360m": Shape(32, 960, 2560, 15, 5, 49152, tied=True),
    "1b": Shape(16, 2048, 8192, 32, 8, 128256, tied=True),
    "1.7b": Shape(24, 2048, 8192, 32, 32, 49152, tied=True),
    "3b": Shape(28, 3072, 8192, 24, 8, 128256, tied=True),
    "7b": Shape(28, 3584, 18944, 28, 4, 152064, tied=False),
    "8b": Shape(32, 4096, 14336, 32, 8, 128256, tied=False),
    "14b": Shape(48, 5120, 13824, 40, 8, 152064, tied=False),
    "32b": Shape(64, 5120, 27648, 40, 8, 152064, tied=False),
    "70b": Shape(80, 8192, 28672, 64, 8, 128256, tied=False),
}


def random_packed(rows: int, columns: int, half: mx.Dtype) -> dict[str, mx.array]:
    """Uniform in about ±0.02."""
    words = mx.random.randint(-(2**31), 2**31 - 1, (rows, columns * BITS // 32), dtype=mx.int32)
    scale = 0.02 / 2 ** (BITS - 1)
    groups = (rows, columns // GROUP)
    return {
        "weight": words.view(mx.uint32),
        "scales": mx.full(groups, scale, dtype=half),
        "biases": mx.full(groups, -scale * 2 ** (BITS - 1), dtype=half),
    }


def all_matrices(shape: Shape) -> dict[str, tuple[int, int]]:
    """(rows, columns) by module path, of the whole model."""
    matrices = {"model.embed_tokens": (shape.vocabulary, shape.hidden)}
    if not shape.tied:
        matrices["lm_head"] = (shape.vocabulary, shape.hidden)
    for layer in range(shape.layers):
        matrices |= shape.matrices(layer)
    return matrices


def all_norms(shape: Shape) -> list[str]:
    norms = ["model.norm"]
    for layer in range(shape.layers):
        path = f"model.layers.{layer}"
        norms += [f"{path}.input_layernorm", f"{path}.post_attention_layernorm"]
    return norms


def write_model(folder: Path, shape: Shape, half: mx.Dtype = mx.float16, seed: int = 0) -> Path:
    """A folder as mlx-lm's, with the default model's tokenizer (its ids are within the vocabulary)."""
    folder.mkdir(parents=True)
    mx.random.seed(seed)
    tensors = {f"{norm}.weight": mx.ones(shape.hidden, dtype=half) for norm in all_norms(shape)}
    for path, (rows, columns) in all_matrices(shape).items():
        parts = random_packed(rows, columns, half)
        mx.eval(list(parts.values()))
        tensors |= {f"{path}.{name}": value for name, value in parts.items()}
    mx.save_safetensors(str(folder / "model.safetensors"), tensors, {"format": "mlx"})
    write_documents(folder, shape)
    return folder


def declare_model(folder: Path, shape: Shape, half: mx.Dtype = mx.float16) -> Path:
    """The same folder with a weights file that has its header and size and no content (a hole in the file
    system): enough for an estimate, and there at once whatever the size."""
    folder.mkdir(parents=True)
    half_name = "F16" if half == mx.float16 else "BF16"
    tensors: list[tuple[str, str, tuple[int, ...], int]] = [
        (f"{norm}.weight", half_name, (shape.hidden,), 2) for norm in all_norms(shape)
    ]
    for path, (rows, columns) in all_matrices(shape).items():
        groups = (rows, columns // GROUP)
        tensors += [
            (f"{path}.weight", "U32", (rows, columns * BITS // 32), 4),
            (f"{path}.scales", half_name, groups, 2),
            (f"{path}.biases", half_name, groups, 2),
        ]
    header: Json = {"__metadata__": {"format": "mlx"}}
    end = 0
    for name, dtype, sizes, width in tensors:
        begin, end = end, end + math.prod(sizes) * width
        header[name] = {"dtype": dtype, "shape": sizes, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    write_documents(folder, shape)
    return folder


def write_documents(folder: Path, shape: Shape) -> None:
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
    for name in TOKENIZER_FILES:
        shutil.copy(source / name, folder / name)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="8b")
    parser.add_argument("--dtype", choices=["float16", "bfloat16"], default="bfloat16")
    options = parser.parse_args()
    half = {"float16": mx.float16, "bfloat16": mx.bfloat16}[options.dtype]
    print(write_model(options.folder, SHAPES[options.shape], half))
    return 0


if __name__ == "__main__":
    sys.exit(main())
