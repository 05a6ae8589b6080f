"""Fine-tuning jobs of several processes: they train as one, and one that dies leaves none behind."""

from __future__ import annotations

import math
import os
import signal
import time
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from chaos import of_kind, workers_of
from hub_client import DEFAULT_MODEL, HubClient, HubError, HubProcess, Json
from support.tiny_hub import hub_with, register_tiny_model, step
from support.transfers import wait_for

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")

# Float32 sums in another order over a few steps.
TOLERANCE = 1e-5
LONG: Json = {
    "rank": 2,
    "epochs": 10_000,
    "max_steps": 100_000,
    "batch_size": 1,
    "max_seq_length": 64,
    "eval_every": 0,
    "data_parallel": 2,
}


def submit(client: HubClient, params: Json, model: str = "tiny", name: str | None = None) -> str:
    job: Json = {"type": "finetune", "model": model, "dataset": "rows", "params": params}
    if name is not None:
        job["output"] = {"name": name}
    return str(client.submit(job)["id"])


def rank_pid(folder: Path, rank: int) -> int:
    """Of the worker that was told to be this rank."""
    for pid in of_kind(workers_of(folder), "job"):
        if f"MLX_RANK={rank}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            return pid
    raise AssertionError(f"no rank {rank} runs")


def adapter(hub: HubProcess, job_id: str) -> dict[str, Any]:
    file = hub.data_dir / "jobs" / job_id / "output" / "adapter" / "adapters.safetensors"
    tensors: Any = mx.load(str(file))
    return tensors


def largest_difference(left: dict[str, Any], right: dict[str, Any]) -> float:
    assert left.keys() == right.keys()
    return max(float((left[name] - right[name]).abs().max().item()) for name in left)


def metrics(client: HubClient, job_id: str) -> list[Json]:
    data: list[Json] = client.call("GET", f"/jobs/{job_id}/metrics")["data"]
    return data


def test_two_processes_train_as_one(build_dir: Path, tmp_path: Path) -> None:
    with hub_with(build_dir, tmp_path) as hub:
        client = register_tiny_model(hub, tmp_path)
        params: Json = {
            "rank": 4,
            "max_steps": 4,
            "num_layers": 4,
            "max_seq_length": 48,
            "eval_every": 2,
            "optimizer": "sgd",
            "learning_rate": 0.05,
        }
        both = submit(client, {**params, "batch_size": 1, "data_parallel": 2}, DEFAULT_MODEL)
        alone = submit(client, {**params, "batch_size": 2}, DEFAULT_MODEL)
        for job_id in (both, alone):
            job = client.wait(job_id)
            assert job["state"] == "COMPLETED", job
        shared, single = metrics(client, both), metrics(client, alone)
        assert [row["step"] for row in shared] == [row["step"] for row in single]
        for ours, theirs in zip(shared, single, strict=True):
            for name in ("train_loss", "eval_loss", "grad_norm", "trained_tokens"):
                if theirs.get(name) is None:
                    assert ours.get(name) is None
                else:
                    assert math.isclose(ours[name], theirs[name], rel_tol=1e-4), name
        trained = [row for row in shared if row["train_loss"] is not None]
        assert len(trained) == 4
        assert all(row["ranks"] == 2 and row["tokens_per_second"] > 0 for row in trained)
        assert {row["ranks"] for row in single if row["train_loss"] is not None} == {1}
        assert largest_difference(adapter(hub, both), adapter(hub, alone)) < TOLERANCE
        learned = {name: v for name, v in adapter(hub, both).items() if name.endswith("lora_b")}
        start = {name: mx.zeros_like(value) for name, value in learned.items()}
        assert largest_difference(learned, start) > 100 * TOLERANCE
        assert client.job(both)["details"]["ranks"] == 2
        assert "rank 1 of 2" in client.request("GET", f"/jobs/{both}/logs?rank=1").text
        assert not of_kind(workers_of(tmp_path), "job")
        client.close()


def test_a_killed_rank_ends_the_other_and_the_job_goes_on(build_dir: Path, tmp_path: Path) -> None:
    with hub_with(build_dir, tmp_path, job_retry_seconds="0.1") as hub:
        client = register_tiny_model(hub, tmp_path)
        params = {**LONG, "max_steps": 300, "save_every": 10, "dropout": 0.1}
        undisturbed = submit(client, params, name="undisturbed")
        assert client.wait(undisturbed)["state"] == "COMPLETED"
        job_id = submit(client, params, name="disturbed")
        wait_for(lambda: step(client, job_id) > 20)
        first = of_kind(workers_of(tmp_path), "job")
        assert len(first) == 2
        # A slow hub: rank 0 complains of the lost connection before the hub sees that rank 1 died.
        os.kill(hub.pid, signal.SIGSTOP)
        os.kill(rank_pid(tmp_path, 1), signal.SIGKILL)
        time.sleep(1)
        os.kill(hub.pid, signal.SIGCONT)
        wait_for(lambda: client.job(job_id)["attempt"] == 2)
        error = str(client.job(job_id)["last_error"])
        assert "the worker of rank 1 ended without a result (signal 9" in error
        job = client.wait(job_id)
        assert job["state"] == "COMPLETED", job
        assert not workers_of(tmp_path)
        assert largest_difference(adapter(hub, job_id), adapter(hub, undisturbed)) == 0.0
        log = client.request("GET", f"/jobs/{job_id}/logs").text
        assert "goes on after step" in log
        client.close()


def test_cancel_and_rest_reach_all_ranks(build_dir: Path, tmp_path: Path) -> None:
    sensor = tmp_path / "sensor"
    sensor.write_text("60")
    with hub_with(build_dir, tmp_path, temperature_sensor=str(sensor)) as hub:
        client = register_tiny_model(hub, tmp_path)
        job_id = submit(client, LONG)
        wait_for(lambda: step(client, job_id) > 3)
        sensor.write_text("97")
        wait_for(lambda: bool(client.call("GET", "/system")["temperature"]["resting"]))
        time.sleep(1.5)
        before = step(client, job_id)
        time.sleep(1)
        assert step(client, job_id) == before
        sensor.write_text("60")
        wait_for(lambda: step(client, job_id) > before)
        client.call("POST", f"/jobs/{job_id}/cancel")
        assert client.wait(job_id, 60)["state"] == "CANCELLED"
        assert not workers_of(tmp_path)
        resumed = client.call("POST", f"/jobs/{job_id}/resume")
        assert resumed["state"] == "QUEUED"
        wait_for(lambda: step(client, job_id) > before)
        client.call("POST", f"/jobs/{job_id}/cancel")
        client.wait(job_id, 60)
        client.close()


def test_a_killed_hub_leaves_no_rank(build_dir: Path, tmp_path: Path) -> None:
    with hub_with(build_dir, tmp_path) as hub:
        client = register_tiny_model(hub, tmp_path)
        job_id = submit(client, LONG)
        wait_for(lambda: step(client, job_id) > 3)
        os.kill(rank_pid(tmp_path, 1), signal.SIGSTOP)  # it cannot see its pipe close
        client.close()
        os.kill(hub.pid, signal.SIGKILL)
        wait_for(lambda: len(workers_of(tmp_path)) <= 1)  # rank 0, too, though it waits for rank 1
        hub.stop()
        hub.start()
        client = HubClient(hub.url)
        wait_for(lambda: len(workers_of(tmp_path)) == 2 and step(client, job_id) > 0)
        client.call("POST", f"/jobs/{job_id}/cancel")
        client.wait(job_id, 60)
        assert not workers_of(tmp_path)
        client.close()


def fake_ssh(folder: Path) -> tuple[Path, Path]:
    """A program that runs here what ssh would run there, and notes for which host."""
    notes, program = folder / "hosts", folder / "fake-ssh"
    program.write_text(
        '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\n'
        f'echo "$2 $$" >>"{notes}"\nexec /bin/sh -c "$3"\n'
    )
    program.chmod(0o755)
    return program, notes


def is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_ranks_on_hosts_of_a_hostfile(build_dir: Path, tmp_path: Path) -> None:
    program, notes = fake_ssh(tmp_path)
    hostfile = tmp_path / "hosts.json"
    hostfile.write_text(
        '{"backend": "ring", "hosts": [{"ssh": "localhost", "ips": ["127.0.0.1"]},'
        ' {"ssh": "mac2", "ips": ["127.0.0.1"]}]}'
    )
    settings = {"hostfile": str(hostfile), "ssh": str(program), "job_retry_seconds": "0.1"}
    with hub_with(build_dir, tmp_path, **settings) as hub:
        client = register_tiny_model(hub, tmp_path)
        with pytest.raises(HubError, match="must be at most 2"):
            submit(client, {**LONG, "data_parallel": 3})
        job_id = submit(client, {**LONG, "max_steps": 5})
        job = client.wait(job_id)
        assert job["state"] == "COMPLETED", job
        assert job["details"]["ranks"] == 2
        host, group = notes.read_text().split()
        assert host == "mac2" and is_gone(int(group))
        # A connection that breaks: the job is tried again, and nothing of it goes on there.
        job_id = submit(client, LONG)
        wait_for(lambda: step(client, job_id) > 2)
        broken = int(notes.read_text().split()[-1])
        os.killpg(broken, signal.SIGKILL)
        # The step that is shown is the first attempt's until the second one says otherwise.
        wait_for(lambda: int(notes.read_text().split()[-1]) != broken)
        wait_for(lambda: client.job(job_id)["attempt"] == 2 and step(client, job_id) > 2)
        last = int(notes.read_text().split()[-1])
        wait_for(lambda: is_gone(broken))
        client.call("POST", f"/jobs/{job_id}/cancel")
        assert client.wait(job_id, 60)["state"] == "CANCELLED"
        wait_for(lambda: is_gone(last))
        assert not workers_of(tmp_path)
        client.close()
