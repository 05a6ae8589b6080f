"""Hatchling's hook: the model's folder, as scripts/prepare_model.py made it, goes to share/mlx-hub/models."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAME = "smollm2-135m-instruct"
FILES = {
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "source.json",
    "tokenizer.json",
    "tokenizer_config.json",
}


class ModelHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version
        root = Path(self.root).parent.parent
        sys.path.insert(0, str(root / "scripts"))
        from package_files import cache_folder

        folder = Path(os.environ.get("MLX_HUB_MODELS") or cache_folder() / "models" / NAME)
        missing = FILES - {path.name for path in folder.glob("*")}
        if missing:
            raise SystemExit(
                f"{folder} lacks {', '.join(sorted(missing))}: run scripts/prepare_model.py first"
            )
        source = json.loads((folder / "source.json").read_text())
        if source.get("scales") != "float16" or source.get("license") != "Apache-2.0":
            raise SystemExit(f"{folder} is not what scripts/prepare_model.py makes for the hub")
        data = build_data["shared_data"]
        for name in FILES:
            data[str(folder / name)] = f"share/mlx-hub/models/{NAME}/{name}"
        data[str(root / "LICENSE")] = f"share/mlx-hub/models/{NAME}/LICENSE"
