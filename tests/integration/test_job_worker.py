"""The process `mlx-hub-worker job`: its pipe and its exit codes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from package_files import cache_folder

ROOT = Path(__file__).resolve().parents[2]
MODEL = cache_folder() / "models" / "smollm2-135m-instruct"


class Worker:
    def __init__(self, build_dir: Path, spec: Path) -> None:
        self.process = subprocess.Popen(
            [build_dir / "mlx-hub-worker", "job", "--spec", spec],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def stdin(self) -> IO[str]:
        assert self.process.stdin is not None
        return self.process.stdin

    def events(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line)

    def send(self, line: str) -> None:
        self.stdin.write(line + "\n")
        self.stdin.flush()

    def wait_for(self, kind: str) -> dict[str, Any]:
        for event in self.events():
            if event["type"] == kind:
                return event
        raise AssertionError(f"the worker ended without an event {kind}")


@pytest.fixture
def worker(build_dir: Path, tmp_path: Path) -> Iterator[Worker]:
    """A training that would take hours."""
    rows = [{"prompt": f"Say {i}.", "completion": f"{i} it is."} for i in range(32)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({
        "protocol": 1, "job_id": "endless", "kind": "finetune",
        "base": {"folder": str(MODEL), "digest": "", "name": MODEL.name}, "adapter": None,
        "dataset": {"path": str(tmp_path / "rows.jsonl"), "digest": ""},
        "params": {"epochs": 10000, "batch_size": 1, "num_layers": 1, "rank": 2,
                   "eval_every": 0, "save_every": 0},
        "output_folder": str(tmp_path / "out"),
    }))  # fmt: skip
    started = Worker(build_dir, spec)
    yield started
    started.process.kill()
    started.process.wait()


def test_stop_ends_it_within_a_step(worker: Worker, tmp_path: Path) -> None:
    worker.wait_for("metric")
    worker.send("this is no JSON")  # neither ends it
    worker.send(json.dumps({"v": 1, "type": "attach", "id": "x", "folder": "/"}))
    warnings = [worker.wait_for("log")["level"], worker.wait_for("log")["level"]]
    assert warnings == ["warning", "warning"]
    worker.send(json.dumps({"v": 1, "type": "stop"}))
    error = worker.wait_for("error")
    assert error["code"] == "cancelled"
    assert worker.process.wait(timeout=30) == 1
    assert not (tmp_path / "out" / "adapter").exists()


def test_pause_holds_it_and_a_checkpoint_still_saves(worker: Worker) -> None:
    worker.wait_for("metric")
    worker.send(json.dumps({"v": 1, "type": "pause"}))
    worker.send(json.dumps({"v": 1, "type": "checkpoint"}))
    saved = worker.wait_for("checkpoint")
    assert (Path(saved["folder"]) / f"{saved['step']:07d}_adapters.safetensors").exists()
    # Paused, it only reports memory, once a second.
    assert [next(worker.events())["type"] for _ in range(2)] == ["memory", "memory"]
    worker.send(json.dumps({"v": 1, "type": "resume"}))
    assert worker.wait_for("metric")["step"] == saved["step"] + 1


def test_it_ends_with_its_server(worker: Worker) -> None:
    worker.wait_for("ready")
    worker.stdin.close()
    started = time.monotonic()
    assert worker.process.wait(timeout=30) == 1
    assert time.monotonic() - started < 10
    assert "result" not in [event["type"] for event in worker.events()]


def test_a_missing_specification_is_an_error_event(build_dir: Path, tmp_path: Path) -> None:
    worker = Worker(build_dir, tmp_path / "none.json")
    assert worker.wait_for("error")["code"] == "not_found"
    assert worker.process.wait(timeout=30) == 1


def test_device_says_whether_it_computes_on_a_gpu(build_dir: Path) -> None:
    def output_of(command: str) -> dict[str, Any]:
        program = [build_dir / "mlx-hub-worker", command]
        done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=True)
        return json.loads(done.stdout)

    event = output_of("device")
    report = output_of("doctor")
    assert (event["v"], event["type"], event["gpu"]) == (1, "device", report["gpu"])
    environment = event["environment"]
    assert environment["mlx"]["version"] == report["mlx_version"]
    assert environment["blas"] == report["blas"]
    lock = (ROOT / "uv.lock").read_bytes()
    assert environment["worker"]["uv_lock_sha256"] == hashlib.sha256(lock).hexdigest()


def test_openblas_gets_kernels_that_fit_the_processor(build_dir: Path) -> None:
    """OpenBLAS takes processors that it does not know for ones without AVX."""

    def report(**environment: str) -> dict[str, Any]:
        done = subprocess.run(
            [build_dir / "mlx-hub-worker", "doctor"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={**os.environ, **environment},
        )
        return json.loads(done.stdout)

    if not report()["blas"]["openblas"] or "avx2" not in report()["cpu_levels"]:
        pytest.skip("no OpenBLAS, or a processor without AVX2")
    assert report()["blas"]["core"] != "Prescott"
    assert report(OPENBLAS_CORETYPE="Prescott")["blas"]["core"] == "Prescott"
