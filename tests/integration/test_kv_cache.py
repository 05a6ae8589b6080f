"""How engines keep keys and values (`kv_bits`, `kv_window`), over HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path

import pytest
from hub_client import HubClient, HubError, HubProcess, Json
from support.tiny_hub import hub_with
from support.transfers import wait_for
from tiny_models import TinyShape, make_tiny_model

TEXT = " ".join(f"Line {number} says {number * 37 % 101} and no more." for number in range(60))
WIDE = TinyShape(heads=2, kv_heads=1)  # heads of 32 elements
# 2 layers of keys and values, one head of 32 elements, with a scale and a bias of 4 bytes each.
TOKEN_BYTES = {0: 512, 8: 160, 4: 96}


def ask(client: HubClient) -> tuple[str, Json]:
    """What is said, and the usage."""
    body = {"model": "tiny", "prompt": TEXT, "max_tokens": 12, "temperature": 0, "seed": 1}
    answer = client.call("POST", "/v1/completions", json=body)
    return str(answer["choices"][0]["text"]), answer["usage"]


def cached(usage: Json) -> int:
    return int(usage["prompt_tokens_details"]["cached_tokens"])


@contextlib.contextmanager
def served(hub: HubProcess, model: Path) -> Generator[HubClient]:
    with hub:
        client = HubClient(hub.url)
        if "tiny" not in [one["name"] for one in client.call("GET", "/models")["data"]]:
            client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
        yield client
        client.close()


def engine(client: HubClient) -> Json:
    return client.call("GET", "/system")["engines"][0]


@pytest.mark.parametrize("bits", [8, 4])
def test_an_engine_keeps_so_many_bits_and_says_so(
    build_dir: Path, tmp_path: Path, bits: int
) -> None:
    model = make_tiny_model(tmp_path / "tiny", WIDE)
    hub = hub_with(build_dir, tmp_path, kv_bits=str(bits))
    with served(hub, model) as client:
        cold, usage = ask(client)
        assert cached(usage) == 0
        wait_for(lambda: engine(client)["kv_bits"] == bits, 10)
        warm, usage = ask(client)
        assert warm == cold
        assert cached(usage) == usage["prompt_tokens"] - 1
    # Beside keys and values the file holds the tokens' ids and a header.
    tokens = int(usage["total_tokens"]) - 1
    (file,) = (hub.data_dir / "prefixes").glob("*/*/*.safetensors")
    beside = file.stat().st_size - tokens * TOKEN_BYTES[bits]
    assert tokens * 4 <= beside < tokens * 4 + 4096
    with served(hub, model) as client:
        again, usage = ask(client)
        assert again == cold
        assert cached(usage) == usage["prompt_tokens"] - 1


def test_what_was_kept_in_other_bits_is_not_used(build_dir: Path, tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "tiny", WIDE)
    environment = {"MLX_HUB_KV_BITS": "8"}
    hub = HubProcess(
        build_dir, tmp_path / "data", ("--allow-path", str(tmp_path)), environment=environment
    )
    hub.data_dir.mkdir()
    with served(hub, model) as client:
        ask(client)
    environment["MLX_HUB_KV_BITS"] = "0"
    with served(hub, model) as client:
        _, usage = ask(client)
        assert cached(usage) == 0
        assert engine(client)["kv_bits"] == 0
    log = (hub.data_dir / "logs" / "engine-tiny.log").read_text()
    assert "another program or device computed it" in log


def test_a_model_that_cannot_be_kept_so_says_why(build_dir: Path, tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "tiny")  # heads of 16 elements
    with (
        served(hub_with(build_dir, tmp_path, kv_bits="8"), model) as client,
        pytest.raises(HubError, match="heads have 16 elements, a multiple of 32 was wanted"),
    ):
        ask(client)


def test_what_rolls_is_not_kept(build_dir: Path, tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "tiny")
    hub = hub_with(build_dir, tmp_path, kv_window="64", kv_sinks="4")
    with served(hub, model) as client:
        first, usage = ask(client)
        assert int(usage["prompt_tokens"]) > 512
        wait_for(lambda: engine(client)["kv_window"] == 64, 10)
        again, usage = ask(client)
        assert again == first
        assert cached(usage) == 0
    assert not list((hub.data_dir / "prefixes").glob("*/*/*.safetensors"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kv_bits": "5"}, r"kv_bits .* must be one of 0, 4, 8"),
        ({"kv_window": "4"}, "kv_window: 0, or more than the 4 sinks, was wanted, got 4"),
        ({"kv_sinks": "65"}, r"kv_sinks .* from 0 to 64"),
    ],
)
def test_what_cannot_be_is_no_setting(
    build_dir: Path, tmp_path: Path, settings: dict[str, str], message: str
) -> None:
    with (
        pytest.raises(HubError, match=message),
        hub_with(build_dir, tmp_path, **settings),
    ):
        pass
