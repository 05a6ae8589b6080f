"""Kept prefixes on disk, over HTTP: they survive restarts and crashes and go with their model and key."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from hub_client import HubClient, HubProcess, Json
from support.tiny_hub import hub_with
from tiny_models import make_tiny_model

TEXT = " ".join(f"Line {number} says {number * 37 % 101} and no more." for number in range(60))


def ask(client: HubClient, text: str, model: str = "tiny") -> Json:
    body = {
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": 12,
        "temperature": 0,
    }
    answer: Json = client.call("POST", "/v1/chat/completions", json=body)
    return answer


def cached(answer: Json) -> int:
    return int(answer["usage"]["prompt_tokens_details"]["cached_tokens"])


def text_of(answer: Json) -> str:
    return str(answer["choices"][0]["message"]["content"])


def expect_from_disk(answer: Json, cold: Json) -> None:
    assert cached(answer) == int(cold["usage"]["prompt_tokens"]) - 1
    assert text_of(answer) == text_of(cold)


def comes(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def files(hub: HubProcess) -> list[Path]:
    return sorted((hub.data_dir / "prefixes").glob("*/*/*.safetensors"))


def from_disk(hub: HubProcess) -> float:
    name = "mlx_hub_engine_prefix_disk_tokens_total{"
    lines = httpx.get(f"{hub.url}/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def engine_pid(client: HubClient) -> int:
    (engine,) = client.call("GET", "/engines")["data"]
    return int(engine["pid"])


def register(hub: HubProcess, folder: Path) -> HubClient:
    client = HubClient(hub.url)
    if not (folder / "tiny").exists():
        model = make_tiny_model(folder / "tiny")
        client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
    return client


def test_a_restarted_hub_and_a_killed_engine_go_on_with_what_was_computed(
    build_dir: Path, tmp_path: Path
) -> None:
    hub = hub_with(build_dir, tmp_path)
    with hub:
        client = register(hub, tmp_path)
        cold = ask(client, TEXT)
        assert cached(cold) == 0
        assert int(cold["usage"]["prompt_tokens"]) > 512
        client.close()
    assert len(files(hub)) == 1
    with hub:
        client = HubClient(hub.url)
        expect_from_disk(ask(client, TEXT), cold)
        assert comes(lambda: from_disk(hub) == int(cold["usage"]["prompt_tokens"]) - 1)
        os.kill(engine_pid(client), signal.SIGKILL)
        expect_from_disk(ask(client, TEXT), cold)
        # A damaged file is not used, and what was computed again takes its place.
        os.kill(engine_pid(client), signal.SIGKILL)
        (file,) = files(hub)
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        client.call("POST", "/engines/tiny/load")  # the second kill in a row: it would have to wait
        again = ask(client, TEXT)
        assert cached(again) == 0
        assert text_of(again) == text_of(cold)
        client.close()
    assert len(files(hub)) == 1
    assert "SHA-256" in (hub.data_dir / "logs" / "engine-tiny.log").read_text()
    with hub:
        client = HubClient(hub.url)
        expect_from_disk(ask(client, TEXT), cold)
        client.close()


def test_what_memory_cannot_keep_is_read_from_the_disk(build_dir: Path, tmp_path: Path) -> None:
    with hub_with(build_dir, tmp_path, kv_budget_bytes=str(2 << 20)) as hub:
        client = register(hub, tmp_path)
        cold = ask(client, TEXT)
        numbers = itertools.count()

        def others_fill_the_disk() -> bool:  # what leaves while the disk is busy is not written
            ask(client, f"{next(numbers)}: {TEXT}")
            return len(files(hub)) > 2

        assert comes(others_fill_the_disk)
        os.kill(engine_pid(client), signal.SIGKILL)  # after they were written
        expect_from_disk(ask(client, TEXT), cold)
        client.close()


def test_they_go_with_their_model_and_their_key(build_dir: Path, tmp_path: Path) -> None:
    with hub_with(build_dir, tmp_path) as hub:
        client = register(hub, tmp_path)
        keys = [
            client.call("POST", "/keys", json={"name": name, "scopes": ["admin"]})
            for name in ("one", "two")
        ]
        client.close()
        mine, theirs = HubClient(hub.url), HubClient(hub.url)
        for one, key in zip((mine, theirs), keys, strict=True):
            one.http.headers["Authorization"] = f"Bearer {key['secret']}"
        for one in (mine, theirs):
            assert cached(ask(one, TEXT)) == 0
        mine.call("POST", "/engines/tiny/unload")
        assert len(files(hub)) == 2
        assert cached(ask(mine, TEXT)) > 0
        mine.call("POST", "/engines/tiny/unload")
        mine.call("DELETE", f"/keys/{keys[1]['id']}")
        assert len(files(hub)) == 1
        assert cached(ask(mine, TEXT)) > 0
        mine.call("DELETE", "/models/tiny")
        assert files(hub) == []
        assert not list((hub.data_dir / "prefixes").glob("*/"))
        mine.close()
        theirs.close()


def test_without_room_nothing_is_written(build_dir: Path, tmp_path: Path) -> None:
    hub = hub_with(build_dir, tmp_path, prefix_disk_bytes="0")
    with hub:
        client = register(hub, tmp_path)
        ask(client, TEXT)
        client.close()
    assert not (hub.data_dir / "prefixes").exists()
