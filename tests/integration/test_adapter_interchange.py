"""An adapter of ours in mlx-lm: it loads, and means the same."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import mlx.core
import mlx_lm.tuner.utils
import mlx_lm.utils
import numpy
import pytest
from package_files import cache_folder
from support.whole_models import WHOLES, make_whole_model
from tiny_models import TinyShape, make_tiny_model

# MLX, mlx-lm and NumPy are only partly typed.
mx: Any = mlx.core
np: Any = numpy
load: Any = mlx_lm.utils.load
load_adapters: Any = mlx_lm.tuner.utils.load_adapters

MODEL = cache_folder() / "models" / "smollm2-135m-instruct"
# Answered without the default system prompt, since mlx-lm computes some 25 tokens a second here.
MESSAGES = [
    {"role": "system", "content": "Answer."},
    {"role": "user", "content": "Where is the Eiffel Tower?"},
    {"role": "assistant", "content": "In Paris, the capital of France."},
]


def run_job(build_dir: Path, folder: Path, spec: dict[str, Any]) -> dict[str, Any]:
    """The data of the event "result"."""
    file = folder / f"{spec['kind']}.json"
    file.write_text(json.dumps({"protocol": 1, "job_id": "interchange", **spec}))
    worker = subprocess.Popen(
        [build_dir / "mlx-hub-worker", "job", "--spec", file],
        stdin=subprocess.PIPE,  # open until it has ended: a worker ends with its server
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    events = [json.loads(line) for line in worker.stdout]
    assert worker.wait(timeout=60) == 0, events[-1]
    assert events[-1]["type"] == "result"
    return events[-1]


def mlx_lm_loss(adapter: Path, folder: Path = MODEL) -> float:
    """Mean loss of the answer's tokens, in float64 from mlx-lm's logits."""
    model, tokenizer = load(str(folder))
    model.set_dtype(mx.float32)  # as our worker computes on a CPU
    model = load_adapters(model, str(adapter))
    model.eval()
    tokens = tokenizer.apply_chat_template(MESSAGES, return_dict=False)
    prompt = tokenizer.apply_chat_template(
        MESSAGES[:-1], add_generation_prompt=True, return_dict=False
    )
    logits = np.array(model(mx.array([tokens[:-1]]))[0], dtype=np.float64)[len(prompt) - 1 :]
    top = logits.max(-1)
    total = np.log(np.exp(logits - top[:, None]).sum(-1)) + top
    return float((total - logits[np.arange(len(logits)), tokens[len(prompt) :]]).mean())


def specify(tmp_path: Path, model: Path) -> dict[str, Any]:
    dataset = tmp_path / "rows.jsonl"
    dataset.write_text(json.dumps({"messages": MESSAGES}) + "\n")
    return {
        "base": {"folder": str(model), "digest": "", "name": model.name},
        "adapter": None,
        "dataset": {"path": str(dataset), "digest": ""},
        "output_folder": str(tmp_path / "out"),
    }


def test_mlx_lm_gives_the_same_loss_with_our_adapter(build_dir: Path, tmp_path: Path) -> None:
    specification = specify(tmp_path, MODEL)
    params = {
        "rank": 4, "scale": 10.0, "num_layers": 3, "learning_rate": 1e-3, "lr_schedule": "constant",
        "epochs": 3, "eval_every": 0, "save_every": 0,
    }  # fmt: skip
    trained = run_job(build_dir, tmp_path, {**specification, "kind": "finetune", "params": params})
    adapter = Path(trained["adapter_folder"])
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["num_layers"] == 3
    assert config["lora_parameters"]["rank"] == 4

    measured: dict[str, Any] = {**specification, "kind": "evaluate", "params": {}}
    base = run_job(build_dir, tmp_path, measured)
    ours = run_job(build_dir, tmp_path, {**measured, "adapter": {"folder": str(adapter)}})
    assert abs(ours["loss"] - base["loss"]) > 0.1  # the adapter matters
    assert mlx_lm_loss(adapter) == pytest.approx(ours["loss"], abs=1e-4)


# method, bits of the base (0: float32), what else, modules with tensors in the file
METHODS: list[tuple[str, int, dict[str, Any], int]] = [
    ("lora", 4, {"alpha": 16.0, "rslora": True, "rank": 4}, 14),
    ("lora", 4, {"target_modules": ["self_attn.q_proj", "model.embed_tokens"]}, 3),
    ("lora", 8, {"target_modules": ["model.layers.0.mlp.up_proj", "v_proj"], "num_layers": 1}, 2),
    ("dora", 4, {}, 14),
    ("dora", 0, {"target_modules": ["mlp.down_proj", "model.embed_tokens"]}, 3),
    ("full", 0, {"num_layers": 1}, 9),
    ("full", 0, {"target_modules": ["model.norm", "self_attn.k_proj"]}, 3),
]


@pytest.mark.parametrize(("method", "bits", "more", "modules"), METHODS)
def test_mlx_lm_loads_the_result_of_every_method(
    build_dir: Path, tmp_path: Path, method: str, bits: int, more: dict[str, Any], modules: int
) -> None:
    model = make_tiny_model(tmp_path / "tiny", TinyShape(bits=bits))
    specification = specify(tmp_path, model)
    params = {
        "method": method, "learning_rate": 5e-3, "lr_schedule": "constant", "epochs": 6,
        "eval_every": 0, "save_every": 0, **more,
    }  # fmt: skip
    trained = run_job(build_dir, tmp_path, {**specification, "kind": "finetune", "params": params})
    adapter = Path(trained["adapter_folder"])
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["fine_tune_type"] == method
    names = mx.load(str(adapter / "adapters.safetensors"))
    assert len({name.rpartition(".")[0] for name in names}) == modules

    measured: dict[str, Any] = {**specification, "kind": "evaluate", "params": {}}
    base = run_job(build_dir, tmp_path, measured)
    ours = run_job(build_dir, tmp_path, {**measured, "adapter": {"folder": str(adapter)}})
    assert ours["loss"] < base["loss"] - 0.05  # it has learnt
    assert mlx_lm_loss(adapter, model) == pytest.approx(ours["loss"], abs=1e-4)


@pytest.mark.parametrize("model_type", WHOLES)
def test_mlx_lm_loads_what_was_trained_on_the_text_of_a_model_that_also_sees(
    build_dir: Path, tmp_path: Path, model_type: str
) -> None:
    model = make_whole_model(tmp_path / "whole", model_type)
    specification = specify(tmp_path, model)
    params = {
        "rank": 4, "learning_rate": 5e-3, "lr_schedule": "constant", "epochs": 6, "eval_every": 0,
        "save_every": 0,
    }  # fmt: skip
    trained = run_job(build_dir, tmp_path, {**specification, "kind": "finetune", "params": params})
    adapter = Path(trained["adapter_folder"])
    names = mx.load(str(adapter / "adapters.safetensors"))
    assert all(name.startswith("language_model.model.layers.") for name in names)

    measured: dict[str, Any] = {**specification, "kind": "evaluate", "params": {}}
    base = run_job(build_dir, tmp_path, measured)
    ours = run_job(build_dir, tmp_path, {**measured, "adapter": {"folder": str(adapter)}})
    assert ours["loss"] < base["loss"] - 0.05  # it has learnt
    assert mlx_lm_loss(adapter, model) == pytest.approx(ours["loss"], abs=1e-4)
