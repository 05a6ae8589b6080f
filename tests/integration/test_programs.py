"""The two programs themselves: what they link, and what the command line answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hub_client import DEFAULT_MODEL, HubProcess


def run(*command: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)


@pytest.mark.skipif(shutil.which("ldd") is None, reason="ldd is Linux's")
def test_the_server_links_no_mlx(build_dir: Path) -> None:
    server, worker = run("ldd", build_dir / "mlx-hub"), run("ldd", build_dir / "mlx-hub-worker")
    assert server.returncode == 0
    assert "libmlx" not in server.stdout
    assert "openblas" not in server.stdout
    assert "libmlx" in worker.stdout
    assert "openblas" in worker.stdout


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104
def test_it_refuses_to_bind_beyond_loopback(build_dir: Path, tmp_path: Path, host: str) -> None:
    done = run(
        build_dir / "mlx-hub", "serve", "--host", host, "--port", "0", "--data-dir", tmp_path
    )
    assert done.returncode != 0
    assert "beyond loopback" in done.stderr
    assert host in done.stderr


def test_version(build_dir: Path) -> None:
    done = run(build_dir / "mlx-hub", "version", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["version"].count(".") == 2


def test_doctor_checks_the_machine(build_dir: Path, tmp_path: Path) -> None:
    done = run(build_dir / "mlx-hub", "doctor", "--json", "--data-dir", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.dumps(json.loads(done.stdout))
    assert "0.32.4" in report


def test_an_unknown_command_is_refused(build_dir: Path) -> None:
    done = run(build_dir / "mlx-hub", "fly")
    assert done.returncode != 0
    assert "fly" in done.stderr


def cli(hub: HubProcess, build_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MLX_HUB_DATA_DIR": str(hub.data_dir)}
    command = [build_dir / "mlx-hub", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env=environment
    )


def test_models_lists_over_http(hub: HubProcess, build_dir: Path) -> None:
    plain = cli(hub, build_dir, "models")
    assert plain.returncode == 0, plain.stderr
    assert DEFAULT_MODEL in plain.stdout
    listed = json.loads(cli(hub, build_dir, "models", "--json").stdout)
    assert DEFAULT_MODEL in [model["name"] for model in listed["data"]]


def test_run_prints_the_answer(hub: HubProcess, build_dir: Path) -> None:
    question = "What is the capital of France?"
    done = cli(
        hub, build_dir, "run", DEFAULT_MODEL, question, "--temperature", "0", "--max-tokens", "16"
    )
    assert done.returncode == 0, done.stderr
    assert "Paris" in done.stdout


def test_run_says_when_the_model_is_unknown(hub: HubProcess, build_dir: Path) -> None:
    done = cli(hub, build_dir, "run", "no-such-model", "Hello")
    assert done.returncode != 0
    assert "no-such-model" in done.stderr
