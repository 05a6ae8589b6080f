"""A hub of a test's own with a tiny model and rows to train it on."""

from __future__ import annotations

from pathlib import Path

from hub_client import HubClient, HubProcess
from tiny_models import make_tiny_model, write_rows


def hub_with(build_dir: Path, folder: Path, **settings: str) -> HubProcess:
    """`settings`: names of config.toml, passed by the environment."""
    data_dir = folder / "data"
    data_dir.mkdir()
    environment = {f"MLX_HUB_{name.upper()}": value for name, value in settings.items()}
    return HubProcess(build_dir, data_dir, ("--allow-path", str(folder)), environment)


def register_tiny_model(hub: HubProcess, folder: Path) -> HubClient:
    """The model "tiny" and the data set "rows", and a client of the hub that has them."""
    client = HubClient(hub.url)
    model = make_tiny_model(folder / "tiny")
    client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
    client.upload_dataset("rows", write_rows(folder / "rows.jsonl"))
    return client


def step(client: HubClient, job_id: str) -> int:
    return int((client.job(job_id)["progress"] or {"step": 0})["step"])
