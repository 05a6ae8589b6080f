"""scripts/profile_mlx.py measures the smallest model whole, and the hub's estimate is close to what it finds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from hub_client import ROOT, Json
from random_model import SHAPES


def profile(build_dir: Path, folder: Path, *arguments: str) -> tuple[int, str, list[Json]]:
    results = folder / "results.json"
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "scripts" / "profile_mlx.py",
            *("--build-dir", build_dir, "--json", results, "--plot", folder / "chart.svg"),
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    found: list[Json] = json.loads(results.read_text()) if results.exists() else []
    return done.returncode, done.stdout + done.stderr, found


def test_the_smallest_size_is_measured_whole(build_dir: Path, tmp_path: Path) -> None:
    arguments = ("--model", "135m", "--batch", "2", "--length", "64", "--whole")
    status, output, (result,) = profile(build_dir, tmp_path, *arguments)
    assert status == 0, output
    whole, guess, estimate = (
        result["measured"]["whole"],
        result["extrapolated"],
        result["estimate"],
    )
    # What two small runs say of the whole is what the whole takes.
    for part in ("weights", "trained", "optimizer", "array_bytes"):
        assert abs(guess[part] / whole[part] - 1) < 0.05, (part, guess[part], whole[part])
    # And the estimate is within the 15 % that it is good for, in every run and in its parts.
    for name, check in result["checks"].items():
        assert 0.85 < check["ratio"] < 1.15, (name, check)
    for part in ("weights", "trained", "optimizer", "gradients"):
        assert abs(estimate[part] / guess[part] - 1) < 0.15, (part, estimate[part], guess[part])
    assert whole["process_bytes"] > whole["array_bytes"]
    assert whole["step_seconds"] > 0
    assert "measured whole" in output and "extrapolated to 30" in output
    assert "Chart: " in output and (tmp_path / "chart.svg").read_text().startswith("<svg")


def test_estimates_of_all_sizes_take_seconds(build_dir: Path, tmp_path: Path) -> None:
    started = time.monotonic()
    arguments = ("--model", "all", "--estimate-only", "--memory", "36")
    status, output, results = profile(build_dir, tmp_path, *arguments)
    assert status == 0, output
    assert time.monotonic() - started < 60
    assert [one["model"] for one in results] == list(SHAPES)
    sizes = {one["model"]: one["estimate"]["process_bytes"] for one in results}
    assert sizes["135m"] < sizes["360m"] < sizes["1b"] < sizes["3b"] < sizes["8b"] < sizes["32b"]
    assert not any("measured" in one for one in results)
    fits = {one["model"]: one["fits"] for one in results}
    assert fits["8b"] and not fits["70b"]


def test_what_does_not_fit_is_refused(build_dir: Path, tmp_path: Path) -> None:
    status, output, results = profile(build_dir, tmp_path, "--model", "8b", "--memory", "2")
    assert status == 1
    assert "8b with --batch 4 does not fit" in output
    assert "--memory allows 2 GB" in output
    assert "What would fit: " in output and "135m" in output
    assert results == []
