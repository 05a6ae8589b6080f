"""Arithmetic, refusals and the chart of scripts/profile_mlx.py; tests/integration/test_profile.py measures."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import cast

import machine_memory
import memory_chart
import mlx.core as mx
import profile_mlx
import pytest
import random_model
import training_memory
from hub_client import Json
from memory_chart import Bar
from profile_mlx import DoesNotFitError, Limit
from random_model import SHAPES, Shape
from training_memory import Profiler, Training

SMALL = Shape(2, 128, 256, 2, 1, 512, tied=False)


def memory_of(layers: int) -> Json:
    """Per layer 100 weights, 10 adapters, 20 moments, 50 activations; once 1000 weights and 7 for the loss."""
    weights, trained, optimizer = 1000 + 100 * layers, 10 * layers, 20 * layers
    return {
        "weights": weights,
        "trained": trained,
        "optimizer": optimizer,
        "array_bytes": weights + trained + optimizer + 50 * layers + 7,
        "process_bytes": 5000 + 200 * layers,
        "step_seconds": 2.0 + 0.5 * layers,
        "gradients": 10 * layers,
    }


def test_two_runs_tell_what_is_of_a_layer() -> None:
    found = training_memory.extrapolated(memory_of(1), memory_of(3), layers=32)
    assert found == {**memory_of(32), "activations": 50 * 32, "working": 7}


def described(file: Path) -> dict[str, tuple[tuple[int, ...], mx.Dtype]]:
    loaded = cast("dict[str, mx.array]", mx.load(str(file)))
    return {name: (array.shape, array.dtype) for name, array in loaded.items()}


def test_a_declared_model_has_the_header_of_a_written_one(tmp_path: Path) -> None:
    written = random_model.write_model(tmp_path / "written", SMALL, mx.bfloat16)
    declared = random_model.declare_model(tmp_path / "declared", SMALL, mx.bfloat16)
    arrays = {folder: described(folder / "model.safetensors") for folder in (written, declared)}
    assert arrays[written] == arrays[declared]
    assert (declared / "config.json").read_text() == (written / "config.json").read_text()
    large = random_model.declare_model(tmp_path / "large", SHAPES["32b"]) / "model.safetensors"
    assert large.stat().st_size > 18e9
    assert large.stat().st_blocks * 512 < 10e6, "it takes no room"
    assert training_memory.tensor_bytes(large) < large.stat().st_size


def test_every_width_is_a_multiple_of_the_group() -> None:
    for shape in SHAPES.values():
        assert all(
            columns % random_model.GROUP == 0
            for _, columns in random_model.all_matrices(shape).values()
        )


class FakeProfiler(Profiler):
    """Sizes and batches as gigabytes: a size of n layers and a batch of b take n + b."""

    def __init__(self) -> None:
        super().__init__(Path("/no-worker"), Path("/"), mx.float16, lambda _: None)

    def estimate(self, shape: Shape, training: Training) -> Json:
        return {"process_bytes": int((shape.layers + training.batch) * 1e9), "weights": 1}


def refusal(name: str, batch: int, limit: Limit) -> str:
    profiler, training = FakeProfiler(), Training(batch=batch)
    estimate = profiler.estimate(SHAPES[name], training)
    with pytest.raises(DoesNotFitError) as caught:
        profile_mlx.check_fits(profiler, name, training, estimate, limit)
    return str(caught.value)


def test_what_does_not_fit_is_refused_with_what_would() -> None:
    limit = Limit(int(36e9), "--memory allows 36 GB")
    text = refusal("8b", 8, limit)
    assert "8b with --batch 8 does not fit: its trainer would take 40.0 GB" in text
    assert "--memory allows 36 GB" in text
    assert "8b with --batch 4" in text
    assert "with --batch 8: 1b, 1.7b, 3b, 7b" in text
    assert "nothing of these sizes" in refusal("32b", 1, Limit(int(1e9), "little"))
    profile_mlx.check_fits(
        FakeProfiler(),
        "1b",
        Training(),
        {"process_bytes": 1},
        limit,
    )


def test_a_run_needs_memory_that_is_free_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_mlx, "available_bytes", lambda: int(2e9))
    with pytest.raises(
        DoesNotFitError, match=r"3 layers takes 4\.0 GB, and 2\.0 GB of memory are free"
    ):
        profile_mlx.check_room(FakeProfiler(), Shape(3, 1, 1, 1, 1, 1, True), Training(batch=1))


def test_memory_of_this_machine(tmp_path: Path) -> None:
    total, whose = machine_memory.total_bytes()
    assert total > 1e9 and whose
    file = tmp_path / "meminfo"
    file.write_text("MemTotal:  100 kB\nMemAvailable:    7 kB\n")
    assert machine_memory.available_bytes(file) == 7 * 1024
    assert machine_memory.available_bytes(tmp_path / "none") is None
    assert profile_mlx.limit_of(36).bytes == 36e9
    assert profile_mlx.limit_of(None).bytes == int(total * 0.75)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("--batch", "0"), ("--length", "7"), ("--memory", "-1"), ("--model", "9b")],
)
def test_bad_arguments(
    argument: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["profile_mlx", argument, value])
    with pytest.raises(SystemExit):
        profile_mlx.parse_options()
    assert argument in capsys.readouterr().err


def test_the_chart_is_an_svg_with_bars_to_scale(tmp_path: Path) -> None:
    file = tmp_path / "new" / "chart.svg"
    bars = [
        Bar("a & b", {"weights": int(3e9), "rest": int(1e9)}),
        Bar("c", {"weights": int(1e9)}, estimated=True),
    ]
    memory_chart.write_chart(file, "Title <1>", bars)
    tree = ElementTree.parse(file)  # noqa: S314
    space = "{http://www.w3.org/2000/svg}"
    texts = [element.text for element in tree.iter(f"{space}text")]
    assert "a & b" in texts and "Title <1>" in texts and "4.00" in texts
    widths = [
        float(element.get("width", "0"))
        for element in tree.iter(f"{space}rect")
        if element.get("height") == str(memory_chart.BAR)
    ]
    assert widths[0] == pytest.approx(3 * widths[1]) == pytest.approx(3 * widths[2])


def test_ticks() -> None:
    assert memory_chart.tick_size(7.5) == 1
    assert memory_chart.tick_size(41) == pytest.approx(10)
    assert memory_chart.tick_size(0.04) == pytest.approx(0.005)


def test_json_of_a_header_needs_no_content(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    file = tmp_path / "one.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    assert training_memory.tensor_bytes(file) == 8
