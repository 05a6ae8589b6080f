"""Model folders that the tests of the registry register and damage."""

from __future__ import annotations

from pathlib import Path

from hub_client import HubClient, Json
from support.tiny_llama import repository


def write_model(folder: Path, seed: int = 0, shards: int = 3) -> Path:
    folder.mkdir(parents=True)
    for name, content in repository(seed, shards).items():
        if "/" not in name:
            (folder / name).write_bytes(content)
    return folder


def register(api: HubClient, name: str, folder: Path) -> Json:
    return api.call("POST", "/models", json={"name": name, "base_model": str(folder)})


def refusal(api: HubClient, folder: Path) -> tuple[int, str]:
    answer = api.request("POST", "/models", json={"name": "refused", "base_model": str(folder)})
    assert api.request("GET", "/models/refused").status_code == 404
    return answer.status_code, answer.json()["error"]["message"]


def stored_file(api: HubClient, model: Json, name: str) -> Path:
    version = api.call("GET", f"/versions/{model['versions'][0]['id']}")
    return Path(version["folder"]) / name


def flip_last_byte(file: Path) -> None:
    file.chmod(0o644)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
