"""An alias moves from one whole model to another while it is served: the successor is loaded before, or refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_client import HubClient, HubError, HubProcess
from tiny_models import make_tiny_model

PROMPT = "Count from 3."


def add_versions(hub: HubProcess, folder: Path) -> None:
    """Two models with other weights as versions of one name; the alias `live` means the first."""
    client = HubClient(hub.url)
    first, second = (str(make_tiny_model(folder / f"tiny{seed}", seed=seed)) for seed in (1, 2))
    client.call("POST", "/models", json={"name": "tiny", "base_model": first})
    client.call("POST", "/models/tiny/versions", json={"path": second})
    client.call("PUT", "/models/tiny/aliases/live", json={"version": 1})
    client.close()


@pytest.fixture
def hub(build_dir: Path, tmp_path: Path) -> Iterator[HubProcess]:
    with HubProcess(build_dir, arguments=("--allow-path", str(tmp_path))) as process:
        add_versions(process, tmp_path)
        yield process


def answer(client: HubClient, model: str) -> str:
    return client.chat(model, PROMPT, temperature=0, max_tokens=8)


def loaded(client: HubClient) -> dict[str, str]:
    """State of each engine by its version's id."""
    engines = client.call("GET", "/engines")["data"]
    return {str(engine["version_id"]): str(engine["state"]) for engine in engines}


def version_ids(client: HubClient) -> dict[int, str]:
    versions = client.call("GET", "/models/tiny/versions")["data"]
    return {int(version["version"]): str(version["id"]) for version in versions}


def test_the_successor_is_ready_before_the_alias_moves(hub: HubProcess) -> None:
    client = HubClient(hub.url)
    ids = version_ids(client)
    before = answer(client, "tiny@live")
    stop = threading.Event()
    heard: list[str] = []
    errors: list[str] = []

    def ask() -> None:
        mine = HubClient(hub.url)
        while not stop.is_set():
            try:
                heard.append(answer(mine, "tiny@live"))
            except HubError as error:
                errors.append(str(error))
        mine.close()

    thread = threading.Thread(target=ask)
    thread.start()
    client.call("PUT", "/models/tiny/aliases/live", json={"version": 2})
    assert loaded(client)[ids[2]] == "ready"
    after = answer(client, "tiny@live")
    stop.set()
    thread.join()
    assert after == answer(client, "tiny:2") != before
    assert not errors
    assert set(heard) <= {before, after}
    client.close()


def test_what_nobody_uses_is_not_loaded(hub: HubProcess) -> None:
    client = HubClient(hub.url)
    client.call("PUT", "/models/tiny/aliases/live", json={"version": 2})
    assert loaded(client) == {}
    client.close()


def test_a_version_that_does_not_load_is_refused(hub: HubProcess) -> None:
    client = HubClient(hub.url)
    before = answer(client, "tiny@live")
    weights = next(hub.data_dir.rglob("v2/model.safetensors"))
    weights.chmod(0o644)
    weights.write_bytes(weights.read_bytes()[:1000])
    refused = client.request("PUT", "/models/tiny/aliases/live", json={"version": 2})
    assert refused.status_code == 422, refused.text
    aliases = client.call("GET", "/models/tiny/aliases")["data"]
    assert [(one["alias"], one["version"]) for one in aliases] == [("live", 1)]
    assert answer(client, "tiny@live") == before
    client.close()


def test_without_memory_for_both_the_alias_moves_at_once(build_dir: Path, tmp_path: Path) -> None:
    allowed = ("--allow-path", str(tmp_path))
    with HubProcess(build_dir, arguments=allowed) as hub:
        add_versions(hub, tmp_path)
        client = HubClient(hub.url)
        answer(client, "tiny@live")
        line = client.call("GET", "/system")["memory"]["lines"][0]
        client.close()
    budget = str(int(line["estimated_bytes"]) * 3 // 2)
    with HubProcess(build_dir, arguments=(*allowed, "--memory-budget-bytes", budget)) as hub:
        add_versions(hub, tmp_path)
        client = HubClient(hub.url)
        ids = version_ids(client)
        before = answer(client, "tiny@live")
        client.call("PUT", "/models/tiny/aliases/live", json={"version": 2})
        assert set(loaded(client)) == {ids[1]}
        assert answer(client, "tiny@live") != before
        assert set(loaded(client)) == {ids[2]}
        client.close()
