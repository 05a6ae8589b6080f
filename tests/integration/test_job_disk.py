"""A disk that fills up under a training: its job ends with the reason, and what was there stays whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub_client import HubClient, HubProcess
from support.small_disk import check_data, fill
from support.transfers import wait_for
from tiny_models import make_tiny_model, write_rows


def job(name: str, steps: int) -> dict[str, Any]:
    params = {"rank": 64, "epochs": 100_000, "max_steps": steps, "batch_size": 2, "eval_every": 0}
    params |= {"save_every": 5, "report_every": 100, "max_seq_length": 64}
    return {
        "type": "finetune",
        "model": "tiny",
        "dataset": "rows",
        "params": params,
        "output": {"name": name},
    }


def has_checkpoint(data: Path, job_id: str) -> bool:
    return any((data / "jobs" / job_id).rglob("state.safetensors"))


def test_a_full_disk_under_a_training(build_dir: Path, small_disk: Path, tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "tiny")
    data = small_disk / "data"
    data.mkdir()
    hub = HubProcess(build_dir, data, ("--allow-path", str(tmp_path)))
    hub.start()
    try:
        client = HubClient(hub.url)
        client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
        client.upload_dataset("rows", write_rows(tmp_path / "rows.jsonl"))

        stuck = str(client.submit(job("stuck", 100_000))["id"])
        wait_for(lambda: has_checkpoint(data, stuck))
        ballast = fill(small_disk, 0)
        wait_for(lambda: "job_not_settled" in hub.log, 60)
        assert client.job(stuck)["state"] == "RUNNING", "nobody could write down that it ended"
        assert client.request("GET", "/models").is_success, "reading works all the while"
        ballast.unlink()
        ended = client.wait(stuck, timeout=60)
        assert ended["state"] == "FAILED"
        assert "No space left on device" in ended["reason"]
        client.call("DELETE", f"/jobs/{stuck}")

        again = client.wait(str(client.submit(job("after", 20))["id"]), timeout=60)
        assert again["state"] == "COMPLETED", again["reason"]
        assert client.call("GET", "/models/after")["state"] == "ready"
        client.close()
    finally:
        hub.stop()
    check_data(build_dir, data)
