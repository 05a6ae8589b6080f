"""One YAML file given to mlx_lm.lora and to `mlx-hub train --config`: the same training."""

from __future__ import annotations

import importlib
import json
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import mlx.core
import mlx_lm.tuner.callbacks
import numpy as np
import pytest
import yaml
from hub_client import HubClient, HubProcess
from support.transfers import Json, run_cli
from tiny_models import TinyShape, make_tiny_model

# MLX and mlx-lm are only partly typed.
mx: Any = mlx.core
trainer: Any = importlib.import_module("mlx_lm.lora")
Callback: Any = mlx_lm.tuner.callbacks.TrainingCallback

STEPS = 8
KEYS = ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"]


class Recorder(Callback):
    """What mlx-lm reports, unrounded."""

    def __init__(self) -> None:
        self.train: dict[int, float] = {}
        self.valid: dict[int, float] = {}

    def on_train_loss_report(self, train_info: Json) -> None:
        self.train[int(train_info["iteration"])] = float(train_info["train_loss"])

    def on_val_loss_report(self, val_info: Json) -> None:
        self.valid[int(val_info["iteration"])] = float(val_info["val_loss"])


def write_data(folder: Path) -> Path:
    """As many rows as a batch has, so that both trainers make the same batches."""
    folder.mkdir()
    for name, first in (("train", 0), ("valid", 40)):
        rows = [
            {"messages": [
                {"role": "user", "content": f"Count from {i}."},
                {"role": "assistant", "content": " ".join(str(i + j) for j in range(3 + i % 5))},
            ]}
            for i in range(first, first + 4)
        ]  # fmt: skip
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def write_adapter(folder: Path, model: Path) -> Path:
    """Random factors: what both go on from."""
    chance = np.random.default_rng(3)
    weights = mx.load(str(model / "model.safetensors"))
    tensors: Json = {}
    for name, weight in weights.items():
        path = name.removesuffix(".weight")
        if any(path.endswith(key) for key in KEYS):
            out, width = weight.shape
            for factor, shape in (("lora_a", (width, 4)), ("lora_b", (4, out))):
                values = chance.normal(0, 0.1, shape).astype(np.float32)
                tensors[f"{path}.{factor}"] = mx.array(values)
    folder.mkdir()
    mx.save_safetensors(str(folder / "adapters.safetensors"), tensors)
    (folder / "adapter_config.json").write_text(json.dumps({
        "fine_tune_type": "lora", "num_layers": 2,
        "lora_parameters": {"rank": 4, "scale": 5.0, "dropout": 0.0, "keys": KEYS},
    }))  # fmt: skip
    return folder / "adapters.safetensors"


def train_by_mlx_lm(config: Json, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()

    def reporting(*_: object, **__: object) -> Recorder:
        return recorder  # run() replaces the callback that it is given

    monkeypatch.setattr(trainer, "get_reporting_callbacks", reporting)
    settings = {**trainer.CONFIG_DEFAULTS, **config}
    mx.set_default_device(mx.cpu)
    trainer.run(types.SimpleNamespace(**settings))
    return recorder


@pytest.mark.parametrize(
    "more",
    [
        {"optimizer": "adam"},
        {"optimizer": "adamw", "optimizer_config": {"adamw": {"weight_decay": 0.1}},
         "mask_prompt": True, "lr_schedule": {
            "name": "cosine_decay", "arguments": [1e-3, 10], "warmup": 3}},
        {"grad_accumulation_steps": 2, "grad_checkpoint": True},
    ],
    ids=["adam", "adamw_schedule", "accumulation"],
)  # fmt: skip
def test_one_file_trains_the_same_in_both(
    start: Callable[..., Any],
    build_dir: Path,
    tmp_path: Path,
    more: Json,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process, client = cast(
        tuple[HubProcess, HubClient], start(arguments=("--allow-path", str(tmp_path)))
    )
    model = make_tiny_model(tmp_path / "tiny", TinyShape(bits=0))
    client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
    config: Json = {
        "model": str(model), "train": True, "data": str(write_data(tmp_path / "rows")),
        "num_layers": 2, "batch_size": 4, "iters": STEPS, "val_batches": -1, "learning_rate": 1e-3,
        "steps_per_report": 1, "steps_per_eval": 4, "save_every": 1000, "max_seq_length": 128,
        "resume_adapter_file": str(write_adapter(tmp_path / "adapter", model)),
        "adapter_path": str(tmp_path / "counting"),
        "lora_parameters": {"rank": 4, "scale": 5.0, "dropout": 0.0, "keys": KEYS}, **more,
    }  # fmt: skip
    theirs = train_by_mlx_lm(config, monkeypatch)
    file = tmp_path / "lora_config.yaml"
    file.write_text(yaml.safe_dump(config))
    done = run_cli(
        build_dir, process, "train", "--config", str(file), "--model", "tiny", "--set",
        "compat=true", "--set", "eval_every=1", "--watch", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    job = client.call("GET", "/jobs")["data"][0]
    metrics = client.call("GET", f"/jobs/{job['id']}/metrics")["data"]
    every = int(config.get("grad_accumulation_steps", 1))
    ours = {
        int(row["step"]): float(row["train_loss"])
        for row in metrics
        if row["train_loss"] is not None
    }
    assert sorted(ours) == list(range(1, STEPS // every + 1))
    for step, loss in ours.items():
        iterations = range((step - 1) * every + 1, step * every + 1)
        expected = sum(theirs.train[iteration] for iteration in iterations) / every
        assert loss == pytest.approx(expected, abs=1e-3), step
    held_out = {
        int(row["step"]): float(row["eval_loss"]) for row in metrics if row["eval_loss"] is not None
    }
    assert sorted(theirs.valid) == [0, 3, 7]  # mlx-lm evaluates before an iteration's step
    for iteration, loss in theirs.valid.items():
        assert held_out[iteration // every] == pytest.approx(loss, abs=1e-3), iteration
    assert ours[max(ours)] < ours[1] - 0.2  # it has learnt
    assert client.call("GET", "/models/counting")["name"] == "counting"
