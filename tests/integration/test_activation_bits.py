"""Products with activations in 8 bits (`activation_bits`), over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest
from hub_client import HubClient, HubError, HubProcess, Json
from tiny_models import make_tiny_model

TEXT = " ".join(f"Line {number} says {number * 37 % 101} and no more." for number in range(60))


def answer(hub: HubProcess, model: Path) -> Json:
    """What the model says to TEXT, with its logprobs."""
    with hub:
        client = HubClient(hub.url)
        if "tiny" not in [one["name"] for one in client.call("GET", "/models")["data"]]:
            client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
        body = {"model": "tiny", "prompt": TEXT, "max_tokens": 12, "temperature": 0, "logprobs": 1}
        said: Json = client.call("POST", "/v1/completions", json=body)
        client.close()
        return said


def cached(said: Json) -> int:
    return int(said["usage"]["prompt_tokens_details"]["cached_tokens"])


def test_an_engine_rounds_and_uses_no_prefix_of_one_that_does_not(
    build_dir: Path, tmp_path: Path
) -> None:
    model = make_tiny_model(tmp_path / "tiny")
    environment = {"MLX_HUB_ACTIVATION_BITS": "8"}
    hub = HubProcess(
        build_dir, tmp_path / "data", ("--allow-path", str(tmp_path)), environment=environment
    )
    hub.data_dir.mkdir()
    rounded = answer(hub, model)
    again = answer(hub, model)
    assert cached(again) > 0
    assert again["choices"] == rounded["choices"]
    environment["MLX_HUB_ACTIVATION_BITS"] = "32"
    plain = answer(hub, model)
    assert cached(plain) == 0
    log = (hub.data_dir / "logs" / "engine-tiny.log").read_text()
    assert "another program or device computed it" in log
    assert plain["choices"] != rounded["choices"]


def test_other_bits_are_no_setting(build_dir: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(HubError, match=r"activation_bits .* must be one of 32, 8"),
        HubProcess(build_dir, tmp_path / "data", ("--activation-bits", "16")),
    ):
        pass
