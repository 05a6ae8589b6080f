"""Adapters of Hugging Face's PEFT: what it computed with them (scripts/make_peft_goldens.py) is what comes out here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, cast

import mlx.core
import mlx_lm.tuner.utils
import mlx_lm.utils  # pyright: ignore[reportUnusedImport]
import numpy as np
import pytest
from hub_client import HubClient, HubProcess
from support.transfers import Json, run_cli

# MLX and mlx-lm are only partly typed.
mx: Any = mlx.core
mlx_lm_any: Any = mlx_lm
load_model: Any = mlx_lm_any.utils.load_model
load_adapters: Any = mlx_lm.tuner.utils.load_adapters

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "peft"
TOKENS = [1, 17, 42, 8, 33, 60, 5, 21]
TOLERANCE = 1e-4  # float32


@pytest.fixture
def importer(start: Any, tmp_path: Path) -> tuple[HubProcess, HubClient]:
    process, client = cast(
        tuple[HubProcess, HubClient], start(arguments=("--allow-path", str(tmp_path)))
    )
    for name in ("base", "plain", "varied", "partial"):
        shutil.copytree(GOLDEN / name, tmp_path / name)
    client.call("POST", "/models", json={"name": "base", "base_model": str(tmp_path / "base")})
    return process, client


def logits(adapter: Path) -> Any:
    model, _ = load_model(GOLDEN / "base")
    model = load_adapters(model, str(adapter))
    model.eval()
    return np.array(model(mx.array([TOKENS]))[0])


@pytest.mark.parametrize("name", ["plain", "varied", "partial"])
def test_an_imported_adapter_computes_what_peft_computed(
    importer: tuple[HubProcess, HubClient], tmp_path: Path, build_dir: Path, name: str
) -> None:
    process, client = importer
    done = run_cli(
        build_dir, process, "import", str(tmp_path / name), "--name", name, "--base", "base"
    )
    assert done.returncode == 0, done.stderr
    version = client.call("GET", f"/models/{name}/versions")["data"][0]
    assert version["kind"] == "adapter"
    assert version["source"]["format"] == "peft"
    expected: Any = mx.load(str(GOLDEN / "logits.safetensors"))
    folder = Path(version["folder"])
    assert np.abs(logits(folder) - np.array(expected[name])).max() <= TOLERANCE
    assert np.abs(np.array(expected["base"]) - np.array(expected[name])).max() > 1
    notes = {"plain": "", "varied": "smaller rank", "partial": "without factors"}
    assert notes[name] in done.stderr
    assert ("note:" in done.stderr) == bool(notes[name])
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["num_layers"] == 3


def test_export_gives_back_what_peft_wrote(
    importer: tuple[HubProcess, HubClient], tmp_path: Path, build_dir: Path
) -> None:
    process, client = importer
    body = {"name": "plain", "base_model": str(tmp_path / "plain"), "base": "base"}
    client.call("POST", "/models", json=body)
    out = tmp_path / "exported"
    done = run_cli(build_dir, process, "export-adapter", "plain", "-o", str(out))
    assert done.returncode == 0, done.stderr
    ours: Any = mx.load(str(out / "adapter_model.safetensors"))
    theirs: Any = mx.load(str(GOLDEN / "plain" / "adapter_model.safetensors"))
    assert ours.keys() == theirs.keys()
    assert all(mx.array_equal(ours[key], value) for key, value in theirs.items())
    config = json.loads((out / "adapter_config.json").read_text())
    wanted = json.loads((GOLDEN / "plain" / "adapter_config.json").read_text())
    for key in ("peft_type", "task_type", "r", "lora_alpha", "use_rslora", "bias"):
        assert config[key] == wanted[key], key
    assert config["target_modules"] == ["self_attn.q_proj", "self_attn.v_proj"]
    assert config["layers_to_transform"] is None
    again = run_cli(build_dir, process, "export-adapter", "plain", "-o", str(out))
    assert again.returncode == 1
    assert "exists already" in again.stderr
    # mlx-lm's own files, too.
    plain = run_cli(
        build_dir,
        process,
        "export-adapter",
        "plain:1",
        "--format",
        "mlx",
        "-o",
        str(tmp_path / "mlx"),
    )
    assert plain.returncode == 0, plain.stderr
    assert (tmp_path / "mlx" / "adapters.safetensors").is_file()
    whole = run_cli(build_dir, process, "export-adapter", "base", "-o", str(tmp_path / "no"))
    assert whole.returncode == 1
    assert "only ready adapters" in whole.stderr
    assert not (tmp_path / "no").exists()


def test_what_mlx_lm_cannot_express_is_refused_by_name(
    importer: tuple[HubProcess, HubClient], tmp_path: Path
) -> None:
    _, client = importer
    plain = json.loads((GOLDEN / "plain" / "adapter_config.json").read_text())

    def refusal(changes: Json, **body: Any) -> str:
        (tmp_path / "plain" / "adapter_config.json").write_text(json.dumps({**plain, **changes}))
        answer = client.request("POST", "/models", json={
            "name": "x", "base_model": str(tmp_path / "plain"), "base": "base", **body,
        })  # fmt: skip
        assert answer.status_code in {400, 422}, answer.text
        return str(answer.json()["error"]["message"])

    assert "'peft_type' is IA3" in refusal({"peft_type": "IA3"})
    assert "'use_dora' is true" in refusal({"use_dora": True})
    assert "'bias'" in refusal({"bias": "all"})
    assert "'modules_to_save'" in refusal({"modules_to_save": ["lm_head"]})
    assert "changes the base" in refusal({"init_lora_weights": "pissa_niter_4"})
    assert "says 8" in refusal({"r": 8})
    assert "pattern" in refusal({"rank_pattern": {"(": 3}})
    assert "'storage'" in refusal({}, storage="reference")
    # Factors of another model.
    wider = tmp_path / "wider"
    shutil.copytree(GOLDEN / "base", wider)
    config = json.loads((wider / "config.json").read_text())
    (wider / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}))
    tensors: Any = mx.load(str(wider / "model.safetensors"))
    kept = {k: v for k, v in tensors.items() if not k.startswith("model.layers.2.")}
    mx.save_safetensors(str(wider / "model.safetensors"), kept)
    client.call("POST", "/models", json={"name": "shallow", "base_model": str(wider)})
    assert "2 layers" in refusal({}, base="shallow")
    assert client.request("GET", "/models/x").status_code == 404
