"""Merging and quantizing: what mlx-lm makes of the same files, and the whole way through the hub."""

from __future__ import annotations

import importlib
import json
import subprocess
from pathlib import Path
from typing import Any, cast

import mlx.core
import mlx.utils
import mlx_lm.tuner.utils
import mlx_lm.utils
import numpy as np
import pytest
from hub_client import HubClient, HubProcess
from package_files import cache_folder
from support import tiny_llama
from support.transfers import Json, run_cli
from support.whole_models import WHOLES, make_whole_model

# MLX and mlx-lm are only partly typed.
mx: Any = mlx.core
lm: Any = mlx_lm.utils
load_adapters: Any = mlx_lm.tuner.utils.load_adapters
tree_unflatten: Any = mlx.utils.tree_unflatten
# The package's own name `convert` is the function.
recipe_of: Any = importlib.import_module("mlx_lm.convert").mixed_quant_predicate_builder

DEFAULT_MODEL = cache_folder() / "models" / "smollm2-135m-instruct"
# Widths that every group size divides, and enough layers for a recipe to choose among.
SHAPE: Json = {
    "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 9, "head_dim": 32,
    "tie_word_embeddings": False,
}  # fmt: skip
TOKENS = [3, 17, 60, 8, 41, 22, 5, 33]


def write_model(folder: Path, *, tokenizer: bool = False, **changes: Any) -> Path:
    """A random Llama in float32."""
    config: Json = {**tiny_llama.CONFIG, **SHAPE, **changes}
    if tokenizer:
        config["vocab_size"] = 49152
    chance = np.random.default_rng(5)
    shapes = tiny_llama.shapes(config)
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (config["vocab_size"], config["hidden_size"])
    tensors = {
        name: mx.array(
            np.ones(shape, np.float32)
            if len(shape) == 1
            else chance.normal(0, shape[1] ** -0.5, shape).astype(np.float32)
        )
        for name, shape in shapes.items()
    }
    folder.mkdir(parents=True)
    mx.save_safetensors(str(folder / "model.safetensors"), tensors, {"format": "mlx"})
    (folder / "config.json").write_text(json.dumps(config))
    if tokenizer:
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (folder / name).write_bytes((DEFAULT_MODEL / name).read_bytes())
    return folder


def write_adapter(folder: Path, model: Path, size: float = 0.05) -> Path:
    """Random factors on some linears of the last five layers."""
    config = json.loads((model / "config.json").read_text())
    chance = np.random.default_rng(6)
    keys = ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"]
    tensors: dict[str, Any] = {}
    for name, shape in tiny_llama.shapes(config).items():
        parts = name.removesuffix(".weight").split(".", 3)
        if len(parts) == 4 and parts[3] in keys and int(parts[2]) >= SHAPE["num_hidden_layers"] - 5:
            path = name.removesuffix(".weight")
            for factor, wanted in (("lora_a", (shape[1], 4)), ("lora_b", (4, shape[0]))):
                values = chance.normal(0, size, wanted).astype(np.float32)
                tensors[f"{path}.{factor}"] = mx.array(values)
    folder.mkdir(parents=True)
    mx.save_safetensors(str(folder / "adapters.safetensors"), tensors)
    (folder / "adapter_config.json").write_text(json.dumps({
        "fine_tune_type": "lora", "num_layers": 5,
        "lora_parameters": {"rank": 4, "scale": 10.0, "dropout": 0.0, "keys": keys},
    }))  # fmt: skip
    return folder


def run_job(build_dir: Path, folder: Path, **spec: Any) -> Json:
    """The data of the worker's event "result"."""
    file = folder / f"{spec['kind']}.json"
    file.write_text(json.dumps({
        "protocol": 1, "job_id": "j", "adapter": None, "output_folder": str(folder / "out"), **spec
    }))  # fmt: skip
    worker = subprocess.Popen(
        [build_dir / "mlx-hub-worker", "job", "--spec", file],
        stdin=subprocess.PIPE,  # open until it has ended: a worker ends with its server
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    events = [json.loads(line) for line in worker.stdout]
    assert worker.wait(timeout=60) == 0, events[-1]
    return cast(Json, events[-1])


def tensors_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for file in sorted(folder.glob("model*.safetensors")):
        found |= mx.load(str(file))
    return found


def logits(folder: Path, adapter: Path | None = None) -> Any:
    model, _ = lm.load_model(folder)
    if adapter is not None:
        model = load_adapters(model, str(adapter))
    model.eval()
    return np.array(model(mx.array([TOKENS]))[0].astype(mx.float32))


def same_tensors(ours: Path, theirs: Path) -> None:
    got, wanted = tensors_of(ours), tensors_of(theirs)
    assert got.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert (got[name].dtype, got[name].shape) == (tensor.dtype, tensor.shape), name
        assert mx.array_equal(got[name], tensor), name


@pytest.mark.parametrize(
    "params",
    [{"bits": bits} for bits in (2, 3, 4, 5, 6, 8)]
    + [{"bits": 4, "group_size": 32}, {"bits": 3, "group_size": 128}, {"dtype": "float16"}]
    + [{"mode": mode} for mode in ("mxfp4", "nvfp4", "mxfp8")]
    + [{"recipe": f"mixed_{bits}"} for bits in ("2_6", "3_4", "3_6", "4_6")],
    ids=str,
)
def test_quantizing_writes_what_mlx_lm_writes(
    build_dir: Path, tmp_path: Path, params: Json
) -> None:
    source = write_model(tmp_path / "source")
    base = {"folder": str(source), "digest": "", "name": "tiny"}
    result = run_job(build_dir, tmp_path, kind="quantize", base=base, params=params)

    model, config = lm.load_model(source)
    if "dtype" in params:
        model.set_dtype(mx.float16)
    recipe = recipe_of(params["recipe"], model, 64) if "recipe" in params else None
    model, config = lm.quantize_model(
        model,
        config,
        params.get("group_size"),
        params.get("bits"),
        mode=params.get("mode", "affine"),
        quant_predicate=recipe,
    )
    theirs = tmp_path / "theirs"
    lm.save_model(theirs, model)
    lm.save_config(config, theirs / "config.json")
    ours = Path(result["model_folder"])
    same_tensors(ours, theirs)
    assert json.loads((ours / "config.json").read_text()) == json.loads(
        (theirs / "config.json").read_text()
    )
    assert result["bits_per_weight"] == pytest.approx(lm.compute_bits_per_weight(model), rel=1e-6)
    assert np.isfinite(logits(ours)).all()  # it loads there


@pytest.mark.parametrize("model_type", WHOLES)
def test_the_text_of_a_model_that_also_sees_is_quantized_as_by_mlx_lm(
    build_dir: Path, tmp_path: Path, model_type: str
) -> None:
    source = make_whole_model(tmp_path / "source", model_type)
    base = {"folder": str(source), "digest": "", "name": "tiny"}
    result = run_job(build_dir, tmp_path, kind="quantize", base=base, params={"group_size": 32})
    model, config = lm.load_model(source)
    model, config = lm.quantize_model(model, config, 32, 4)
    theirs = tmp_path / "theirs"
    lm.save_model(theirs, model)
    lm.save_config(config, theirs / "config.json")
    ours = Path(result["model_folder"])
    same_tensors(ours, theirs)
    expected = json.loads((theirs / "config.json").read_text())
    # mlx-lm saves Qwen3.5's rope_parameters as its model class has renamed them in memory.
    expected["text_config"] = json.loads((source / "config.json").read_text())["text_config"]
    assert json.loads((ours / "config.json").read_text()) == expected


def fuse_by_mlx_lm(source: Path, adapter: Path, folder: Path, *, dequantize: bool) -> None:
    """As mlx_lm/fuse.py: main, without a tokenizer."""
    model, config = lm.load_model(source)
    model = load_adapters(model, str(adapter))
    fused = [
        (name, module.fuse(dequantize=dequantize))
        for name, module in model.named_modules()
        if hasattr(module, "fuse")
    ]
    model.update_modules(tree_unflatten(fused))
    if dequantize:
        model = lm.dequantize_model(model)
        config.pop("quantization", None)
        config.pop("quantization_config", None)
    lm.save_model(folder, model)
    lm.save_config(config, folder / "config.json")


def settle_ties(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Takes our 4-bit codes into theirs where a weight lay on the border of two: there the last bit
    of the delta's sum decides, which is another one with every BLAS kernel. Such a code may be off
    by one, and one of 10,000 may be such a code; scales and biases agree."""
    count, apart = 0, 0
    for name in [name for name in theirs if name.endswith(".scales")]:
        path = name.removesuffix(".scales")
        for part in ("scales", "biases"):
            got, wanted = (np.array(tensors[f"{path}.{part}"]) for tensors in (ours, theirs))
            np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-6, err_msg=name)
        got, wanted = (
            np.array(tensors[f"{path}.weight"]).view(np.uint8) for tensors in (ours, theirs)
        )
        for shift in (0, 4):
            steps = np.abs((got >> shift & 15).astype(int) - (wanted >> shift & 15))
            assert steps.max() <= 1, name
            count, apart = count + steps.size, apart + np.count_nonzero(steps)
        theirs[f"{path}.weight"] = ours[f"{path}.weight"]
    assert apart <= count / 10_000


@pytest.fixture
def packed(build_dir: Path, tmp_path: Path) -> Path:
    """A model of 4 bits."""
    source = write_model(tmp_path / "source")
    base = {"folder": str(source), "digest": "", "name": "tiny"}
    result = run_job(build_dir, tmp_path, kind="quantize", base=base, params={"group_size": 32})
    return Path(result["model_folder"]).rename(tmp_path / "packed")


@pytest.mark.parametrize("dequantize", [True, False])
def test_merging_gives_what_mlx_lm_fuse_gives(
    build_dir: Path, tmp_path: Path, packed: Path, dequantize: bool
) -> None:
    adapter = write_adapter(tmp_path / "adapter", packed)
    result = run_job(
        build_dir,
        tmp_path,
        kind="merge",
        base={"folder": str(packed), "digest": "", "name": "tiny"},
        adapter={"folder": str(adapter)},
        params={"dequantize": dequantize},
    )
    ours, theirs = Path(result["model_folder"]), tmp_path / "theirs"
    fuse_by_mlx_lm(packed, adapter, theirs, dequantize=dequantize)
    got, wanted = tensors_of(ours), tensors_of(theirs)
    assert got.keys() == wanted.keys()
    assert {name: (t.dtype, t.shape) for name, t in got.items()} == {
        name: (t.dtype, t.shape) for name, t in wanted.items()
    }
    assert json.loads((ours / "config.json").read_text()) == json.loads(
        (theirs / "config.json").read_text()
    )
    if not dequantize:
        settle_ties(got, wanted)
        mx.save_safetensors(str(theirs / "model.safetensors"), wanted, {"format": "mlx"})
    assert np.abs(logits(ours) - logits(theirs)).max() <= 1e-4
    base, adapted = logits(packed), logits(packed, adapter)
    assert np.abs(adapted - base).max() > 0.1  # the adapter matters
    assert result["matrices"] == 15
    if dequantize:
        assert np.abs(logits(ours) - adapted).max() <= 1e-4
        assert result["delta_kept"] == pytest.approx(1.0, abs=1e-4)
    else:
        assert 0.5 < result["delta_kept"] < 1.5
        assert result["delta_error"] > 0.01


@pytest.fixture
def hub_with_adapter(start: Any, tmp_path: Path) -> tuple[HubProcess, HubClient]:
    process, client = cast(
        tuple[HubProcess, HubClient], start(arguments=("--allow-path", str(tmp_path)))
    )
    model = write_model(tmp_path / "model", tokenizer=True, tie_word_embeddings=True)
    adapter = write_adapter(tmp_path / "adapter", model)
    for body in (
        {"name": "tiny", "base_model": str(model)},
        {"name": "tuned", "base_model": str(adapter), "base": "tiny"},
    ):
        client.call("POST", "/models", json=body)
    return process, client


def answer(client: HubClient, model: str) -> str:
    body = {"model": model, "prompt": "The river", "temperature": 0, "max_tokens": 12}
    return str(client.call("POST", "/v1/completions", json=body)["choices"][0]["text"])


def test_a_merged_model_is_a_version_and_answers_as_its_adapter(
    hub_with_adapter: tuple[HubProcess, HubClient], build_dir: Path
) -> None:
    process, client = hub_with_adapter
    done = run_cli(build_dir, process, "merge", "tuned", "--dequantize", "--watch", "--json")
    assert done.returncode == 0, done.stderr
    version = client.call("GET", "/models/tuned-merged/versions")["data"][0]
    assert version["kind"] == "merged"
    assert version["lineage"]["parent"]["model"] == "tuned"
    metrics = version["metrics"]
    assert metrics["delta_kept"] == pytest.approx(1.0, abs=1e-3)
    assert metrics["logit_max_abs"] < 1e-3
    assert metrics["top1_agreement"] == 1.0
    assert metrics["logit_tokens"] > 100
    assert metrics["perplexity_after"] == pytest.approx(metrics["perplexity_before"], rel=1e-4)
    assert answer(client, "tuned-merged") == answer(client, "tuned") != answer(client, "tiny")
    # Once more: the next version of the same model; the first keeps its files.
    job = client.call("POST", "/jobs", json={"type": "merge", "model": "tuned"})
    assert client.wait(str(job["id"]), timeout=120)["result"]["version"] == 2
    assert [v["state"] for v in client.call("GET", "/models/tuned-merged/versions")["data"]] == [
        "ready",
        "ready",
    ]


@pytest.mark.parametrize("mode", ["affine", "mxfp4"])
def test_a_quantized_model_is_a_version_and_answers(
    hub_with_adapter: tuple[HubProcess, HubClient], mode: str
) -> None:
    _, client = hub_with_adapter
    body = {"type": "quantize", "model": "tiny", "params": {"mode": mode},
            "output": {"name": "small", "alias": "production"}}  # fmt: skip
    ended = client.wait(str(client.call("POST", "/jobs", json=body)["id"]), timeout=120)
    assert ended["state"] == "COMPLETED", ended["reason"]
    model = client.call("GET", "/models/small")
    assert model["kind"] == "quantized"
    assert model["quantization"]["bits"] == 4
    assert model["aliases"] == {"production": 1}
    metrics = client.call("GET", f"/versions/{ended['result']['version_id']}")["metrics"]
    assert 4.0 < metrics["bits_per_weight"] < 5.1  # the norms are not packed
    assert metrics["perplexity_after"] > 0
    assert 0 < metrics["logit_mean_kl"] < 1
    assert answer(client, "small")


def test_what_cannot_be_converted_is_refused(
    hub_with_adapter: tuple[HubProcess, HubClient],
) -> None:
    _, client = hub_with_adapter

    def refused(**body: Any) -> tuple[int, str]:
        response = client.request("POST", "/jobs", json=body)
        return response.status_code, response.json()["error"]["param"]

    assert refused(type="merge", model="tiny") == (400, "model")
    assert refused(type="quantize", model="tuned") == (400, "model")
    assert refused(type="quantize", model="tiny", params={"bits": 7}) == (400, "params.bits")
    assert refused(type="merge", model="tuned", output={"name": "tuned"}) == (409, "output.name")
    # What only the weights show fails the job, by name.
    body = {"type": "quantize", "model": "tiny", "params": {"overrides": {"q_prj": False}}}
    ended = client.wait(str(client.call("POST", "/jobs", json=body)["id"]), timeout=120)
    assert ended["state"] == "FAILED"
    assert "q_prj" in ended["reason"]
