"""The memory ledger: a job and a chat compete for a small budget, and the lines add up at every moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from hub_client import HubClient, HubError, HubProcess, Json
from tiny_models import TinyShape, make_tiny_model, write_rows

PARAMS: Json = {
    "rank": 2,
    "epochs": 10_000,
    "max_steps": 600,
    "batch_size": 2,
    "max_seq_length": 64,
    "eval_every": 0,
    "dropout": 0.1,
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    make_tiny_model(folder / "model")
    make_tiny_model(folder / "large", TinyShape(hidden=512, inner=1024, layers=8, bits=0))
    write_rows(folder / "rows.jsonl")
    return folder


class LedgerWatch:
    """Reads the ledger all the time; remembers the first moment at which it did not add up."""

    def __init__(self, url: str) -> None:
        self.problem = ""
        self.looks = 0
        self._client = HubClient(url)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> LedgerWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _watch(self) -> None:
        while not self._stop.wait(0.02) and not self.problem:
            memory: Json = self._client.call("GET", "/system")["memory"]
            self.looks += 1
            lines: list[Json] = memory["lines"]
            total = sum(int(line["reserved_bytes"]) for line in lines)
            if total != memory["reserved_bytes"]:
                self.problem = f"the lines add up to {total}, not {memory['reserved_bytes']}"
            if total > memory["budget_bytes"]:
                self.problem = f"{total} of {memory['budget_bytes']} bytes are reserved: {lines}"


def small_hub(build_dir: Path, folder: Path, budget: int) -> HubProcess:
    environment = {
        "MLX_HUB_MEMORY_BUDGET_BYTES": str(budget),
        "MLX_HUB_KV_BUDGET_BYTES": str(8 << 20),
        "MLX_HUB_JOB_PATIENCE_SECONDS": "0.5",
    }
    return HubProcess(build_dir, arguments=("--allow-path", str(folder)), environment=environment)


@pytest.fixture
def contested(build_dir: Path, tiny: Path) -> Generator[HubProcess]:
    # Room for an engine of `tiny` or a job on it (both about 75 MB by their estimates), not for both.
    with small_hub(build_dir, tiny, 120_000_000) as hub:
        client = HubClient(hub.url)
        client.call("POST", "/models", json={"name": "tiny", "base_model": str(tiny / "model")})
        client.upload_dataset("rows", tiny / "rows.jsonl")
        client.close()
        yield hub


def submit(client: HubClient, name: str) -> str:
    job = {"type": "finetune", "model": "tiny", "dataset": "rows", "params": PARAMS}
    return str(client.submit({**job, "output": {"name": name}})["id"])


def adapter(client: HubClient, done: Json) -> str:
    files = client.call("GET", f"/versions/{done['result']['version_id']}")["files"]
    return next(str(f["sha256"]) for f in files if f["name"] == "adapters.safetensors")


def test_training_gives_way_to_a_chat_and_goes_on_to_the_same_adapter(
    contested: HubProcess,
) -> None:
    client = HubClient(contested.url)
    alone = client.wait(submit(client, "alone"), 120)
    assert alone["state"] == "COMPLETED", alone["reason"]
    with LedgerWatch(contested.url) as watch:
        job_id = submit(client, "contested")
        while int((client.job(job_id)["progress"] or {"step": 0})["step"]) < 20:
            time.sleep(0.02)
        assert client.chat("tiny", "Hello", max_tokens=4, temperature=0) is not None
        waiting = client.job(job_id)
        assert waiting["state"] in ("QUEUED", "RUNNING")
        done = client.wait(job_id, 120)
    assert watch.problem == ""
    assert watch.looks > 10
    assert done["state"] == "COMPLETED", done["reason"]
    assert done["attempt"] == 1, "giving way is no attempt"
    assert "goes on after step" in client.request("GET", f"/jobs/{job_id}/logs").text
    assert adapter(client, done) == adapter(client, alone)
    reasons: list[str] = []
    with client.events(f"/jobs/{job_id}/events", after="0") as stream:
        for event in stream:
            reasons.append(event.data)
            if "COMPLETED" in event.data:
                break
    assert any("yielded_to_serving" in data for data in reasons)
    client.close()


def test_what_can_never_fit_is_refused_with_the_figures(build_dir: Path, tiny: Path) -> None:
    with small_hub(build_dir, tiny, 90_000_000) as hub:
        client = HubClient(hub.url)
        for name in ("model", "large"):
            client.call("POST", "/models", json={"name": name, "base_model": str(tiny / name)})
        client.upload_dataset("rows", tiny / "rows.jsonl")
        with pytest.raises(HubError, match=r"503 model 'large' needs \d+ MiB, but 0 of 85 MiB"):
            client.chat("large", "Hello", max_tokens=1)
        job = {"type": "finetune", "model": "large", "dataset": "rows", "params": PARAMS}
        answer = client.request("POST", "/jobs", json=job)
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "insufficient_memory"
        assert "the memory budget is 90000000 bytes" in answer.json()["error"]["message"]
        client.close()


def test_later_runs_are_estimated_by_what_the_first_took(contested: HubProcess) -> None:
    client = HubClient(contested.url)
    peaks: list[int] = []
    for name in ("first", "second"):
        job_id = submit(client, name)
        while client.job(job_id)["state"] == "QUEUED":
            time.sleep(0.01)
        lines: list[Json] = client.call("GET", "/system")["memory"]["lines"]
        peaks += [int(line["estimated_bytes"]) for line in lines if job_id in str(line["owner"])]
        assert client.wait(job_id, 120)["state"] == "COMPLETED"
    assert len(peaks) == 2
    assert peaks[1] != peaks[0]
    client.close()
