"""A job that is done again: the same bits, or the difference named, or a refusal."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hub_client import HubClient, HubProcess, Json
from tiny_models import TinyShape, make_tiny_model, write_rows

Start = Callable[..., tuple[HubProcess, HubClient]]

PARAMS: Json = {"learning_rate": 5e-3, "epochs": 1, "max_seq_length": 128, "eval_every": 5}
METHODS: dict[str, Json] = {
    "lora": {"rank": 4},
    "dora": {"method": "dora", "rank": 4, "dropout": 0.1},
    "full": {"method": "full"},
    "dpo": {"objective": "dpo", "rank": 4, "learning_rate": 1e-4},
}


def write_pairs(path: Path) -> Path:
    rows = [
        {"prompt": f"Count to {i}.", "chosen": f"{i} it is.", "rejected": "No."} for i in range(20)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def prepare(client: HubClient, folder: Path) -> None:
    model = make_tiny_model(folder / "tiny", TinyShape(bits=0))
    client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
    client.upload_dataset("counting", write_rows(folder / "rows.jsonl"))


def train(client: HubClient, dataset: str = "counting", **params: Any) -> Json:
    job = client.submit({
        "type": "finetune", "model": "tiny", "dataset": dataset, "output": {"name": "tuned"},
        "params": {**PARAMS, **params},
    })  # fmt: skip
    ended = client.wait(str(job["id"]), timeout=120)
    assert ended["state"] == "COMPLETED", ended["reason"]
    return ended


def reproduce(client: HubClient, job_id: str) -> Json:
    """The comparison, once the job was done again."""
    made = client.call("POST", f"/jobs/{job_id}/reproduce", json={})
    ended = client.wait(str(made["id"]), timeout=120)
    assert ended["state"] == "COMPLETED", ended["reason"]
    return client.call("GET", f"/jobs/{made['id']}/comparison")


def command(build_dir: Path, process: HubProcess, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [build_dir / "mlx-hub", "jobs", *arguments, "--server", process.url],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def prepared(start: Start, tmp_path: Path) -> tuple[HubProcess, HubClient]:
    process, client = start(arguments=("--allow-path", str(tmp_path)))
    prepare(client, tmp_path)
    return process, client


@pytest.mark.parametrize("method", METHODS)
def test_the_same_environment_gives_the_same_bits(
    prepared: tuple[HubProcess, HubClient], method: str, tmp_path: Path
) -> None:
    _, client = prepared
    dataset = "counting"
    if method == "dpo":
        dataset = "pairs"
        client.upload_dataset(dataset, write_pairs(tmp_path / "pairs.jsonl"))
    first = train(client, dataset, seed=11, **METHODS[method])
    found = reproduce(client, str(first["id"]))
    assert found["environment"] == {"known": True, "same": True, "differences": []}
    assert found["digest"]["equal"] is True
    assert found["verdict"] == "identical"
    assert found["deviation"] == 0
    assert [loss["missing"] for loss in found["reports"]] == [0, 0]
    # And it can fail: another seed is another adapter.
    other = train(client, dataset, seed=12, **METHODS[method])
    version = client.call("GET", f"/versions/{other['result']['version_id']}")
    assert version["digest"] != found["digest"]["then"]


def test_conversions_and_evaluations_are_done_again_too(
    prepared: tuple[HubProcess, HubClient],
) -> None:
    _, client = prepared
    train(client, rank=4)
    for body, has_digest in (
        ({"type": "merge", "model": "tuned"}, True),
        ({"type": "quantize", "model": "tiny", "params": {"bits": 4, "group_size": 32}}, True),
        ({"type": "evaluate", "model": "tuned", "dataset": "counting"}, False),
    ):
        ended = client.wait(str(client.submit(body)["id"]), timeout=120)
        assert ended["state"] == "COMPLETED", ended["reason"]
        found = reproduce(client, str(ended["id"]))
        assert found["verdict"] == "identical", found
        assert found["digest"]["equal"] is (True if has_digest else None)
        assert found["metrics"]


def test_what_a_job_ran_in_is_kept(prepared: tuple[HubProcess, HubClient]) -> None:
    _, client = prepared
    job = train(client, rank=4, seed=5)
    (kept,) = client.call("GET", f"/jobs/{job['id']}/environment")["data"]
    assert kept["attempt"] == 1
    assert kept["hub"]["version"] == kept["worker"]["version"]
    assert len(kept["worker"]["uv_lock_sha256"]) == 64
    assert kept["worker"]["tokenizers"]
    assert kept["mlx"]["version"]
    assert kept["hardware"]["memory_bytes"] > 0
    assert kept["memory"]["budget_bytes"] > 0
    inputs = kept["inputs"]
    assert inputs["seed"] == 5
    assert inputs["params"] == job["params"]
    assert inputs["dataset_digest"] == job["dataset"]["digest"]
    version = client.call("GET", f"/versions/{job['model_version']['id']}")
    assert inputs["base_digest"] == version["digest"]


def test_another_environment_is_named_and_compared_with_a_tolerance(
    start: Start, build_dir: Path, tmp_path: Path
) -> None:
    data, allow = tmp_path / "data", ("--allow-path", str(tmp_path))
    process, client = start(
        data, (*allow, "--threads", "2"), OMP_SCHEDULE="static", MLX_HUB_API_KEY="not told"
    )
    prepare(client, tmp_path)
    job_id = str(train(client, rank=4)["id"])
    assert "not told" not in json.dumps(client.call("GET", f"/jobs/{job_id}/environment"))
    process.stop()

    process, client = start(data, (*allow, "--threads", "1"), MLX_HUB_CPU="scalar")
    foreseen = client.call("POST", f"/jobs/{job_id}/reproduce", json={"dry_run": True})
    differences = {d["name"]: d for d in foreseen["environment"]["differences"]}
    threads = differences["cpu.threads"]
    assert (threads["then"], threads["now"]) == (2, 1)
    assert differences["cpu.kernels"]["now"] == "scalar"
    assert differences["variables.OMP_SCHEDULE"]["then"] == "static"
    assert differences["variables.OMP_SCHEDULE"]["now"] is None
    assert foreseen["environment"]["same"] is False
    assert len(client.call("GET", "/jobs")["data"]) == 1

    code, output = command(build_dir, process, "reproduce", job_id)
    assert "variables.OMP_SCHEDULE" in output
    assert code == 0, output
    assert "identical" in output or "within tolerance" in output
    found = client.call("GET", f"/jobs/{client.call('GET', '/jobs')['data'][0]['id']}/comparison")
    assert found["reproduces"] == job_id
    # What was foreseen is what it ran in.
    assert found["environment"] == foreseen["environment"]


def test_a_removed_data_set_is_refused(
    prepared: tuple[HubProcess, HubClient], build_dir: Path
) -> None:
    process, client = prepared
    job_id = str(train(client, rank=4)["id"])
    code, output = command(build_dir, process, "reproduce", job_id)
    assert code == 0, output
    assert "identical to the bit" in output
    assert client.request("DELETE", "/datasets/counting").status_code == 204
    code, output = command(build_dir, process, "reproduce", job_id)
    assert code != 0
    assert "counting" in output
    assert "was removed" in output
    assert len(client.call("GET", "/jobs")["data"]) == 2
