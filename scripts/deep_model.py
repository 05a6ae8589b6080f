"""A copy of a Llama with more layers that add nothing: it says the same and takes as much longer.

    uv run python scripts/deep_model.py --times 4 FOLDER

With the model it was made of as its draft model every guess is right, so what that gains is the most that a draft model
of this size can gain on this machine.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import mlx.core as mx
from hub_client import DEFAULT_MODEL, Json
from package_files import cache_folder

LAYER = re.compile(r"model\.layers\.(\d+)\.(.+)")
# What a layer adds to the stream of its inputs goes through these two.
OUTPUTS = ("self_attn.o_proj.", "mlp.down_proj.")


def deepen(source: Path, folder: Path, times: int) -> Path:
    """Writes a model of `times` the layers; returns the folder."""
    folder.mkdir(parents=True)
    for file in source.iterdir():
        if file.is_file() and file.suffix != ".safetensors":
            shutil.copy(file, folder / file.name)
    config: Json = json.loads((source / "config.json").read_text())
    layers = int(config["num_hidden_layers"])
    config["num_hidden_layers"] = times * layers
    (folder / "config.json").write_text(json.dumps(config))
    tensors: dict[str, Any] = {}
    for file in sorted(source.glob("model*.safetensors")):
        loaded: dict[str, Any] = mx.load(str(file))  # pyright: ignore[reportAssignmentType]
        tensors |= loaded
    for name, tensor in list(tensors.items()):
        if found := LAYER.fullmatch(name):
            number, rest = int(found[1]), found[2]
            adds_nothing = rest.startswith(OUTPUTS) and tensor.dtype != mx.uint32
            copy = mx.zeros_like(tensor) if adds_nothing else tensor
            for more in range(1, times):
                tensors[f"model.layers.{number + more * layers}.{rest}"] = copy
    mx.save_safetensors(str(folder / "model.safetensors"), tensors, {"format": "mlx"})
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--source", type=Path, default=cache_folder() / "models" / DEFAULT_MODEL)
    parser.add_argument("--times", type=int, default=4)
    options = parser.parse_args()
    print(deepen(options.source, options.folder, options.times))
    return 0


if __name__ == "__main__":
    sys.exit(main())
