"""scripts/verify_plan: what the plan says of jobs and training (tasks 4 and 5, sections 3, 4, 7)."""

from __future__ import annotations

import itertools
import json
import time
from datetime import datetime
from pathlib import Path

from hub_client import DEFAULT_MODEL, Json
from plan_report import Row
from plan_setting import CannotCheckError, Setting, expect, wait_until
from tiny_models import write_rows

HUB = frozenset({"hub"})
REAL_TIME = 2.0  # seconds from an event to its arrival


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def five_jobs(setting: Setting) -> str:
    client = setting.client
    jobs = [client.submit(setting.tiny_job(f"five-{number}")) for number in range(5)]
    ended = [client.wait(str(job["id"])) for job in jobs]
    expect(
        [job["state"] for job in ended] == ["COMPLETED"] * 5,
        f"states: {[job['state'] for job in ended]}",
    )
    expect(
        [job["id"] for job in sorted(ended, key=lambda job: str(job["started_at"]))]
        == [job["id"] for job in jobs],
        "they ran in another order than they were submitted",
    )
    gaps: list[float] = []
    for before, after in itertools.pairwise(ended):
        gaps.append(moment(after["started_at"]) - moment(before["ended_at"]))
        expect(gaps[-1] >= 0, "two of them overlap")
    return f"5 of 5 completed in order; each began {min(gaps):.2f} to {max(gaps):.2f} s after the one before ended"


def live_states(setting: Setting) -> str:
    client = setting.client
    job = client.submit(setting.tiny_job("watched", max_steps=6))
    types: list[str] = []
    delays: list[float] = []
    with client.events(f"/jobs/{job['id']}/events") as stream:
        for event in stream:
            types.append(event.type)
            if len(types) > 1:  # the first happened before anybody listened
                delays.append(time.time() - moment(json.loads(event.data)["time"]))
    wanted = ["job.queued", "job.started", "job.metric", "job.completed"]
    order = [types.index(kind) for kind in wanted if kind in types]
    expect(len(order) == len(wanted) and order == sorted(order), f"events: {types}")
    expect(max(delays) < REAL_TIME, f"an event arrived after {max(delays):.2f} s")
    reports = types.count("job.metric")
    return (
        f"QUEUED, RUNNING, {reports} reports, COMPLETED as events, at most {max(delays):.2f} s late"
    )


def plans_configuration(setting: Setting) -> str:
    setting.tiny_job("")
    rows = write_rows(setting.file("planned.jsonl"), rows=8)
    job = setting.client.submit(
        {"base_model": "tiny", "dataset_path": str(rows), "lora_rank": 4, "epochs": 1}
    )
    ended = setting.client.wait(str(job["id"]))
    expect(ended["state"] == "COMPLETED", f"the job {ended['state']}: {ended['reason']}")
    return "POST /jobs {base_model, dataset_path, lora_rank, epochs}: COMPLETED"


def cancel(setting: Setting) -> str:
    job_id = setting.running_job("cancelled")
    started = time.monotonic()
    setting.client.call("POST", f"/jobs/{job_id}/cancel")
    job = setting.client.wait(job_id, 60)
    expect(job["state"] == "CANCELLED", f"the job is {job['state']}")
    return f"CANCELLED {time.monotonic() - started:.1f} s after the call"


def timeout(setting: Setting) -> str:
    body = setting.tiny_job("timed", max_steps=100_000, epochs=100_000)
    job = setting.client.submit({**body, "timeout_seconds": 2})
    ended = setting.client.wait(str(job["id"]), 120)
    expect(ended["state"] == "FAILED", f"the job is {ended['state']}")
    expect("longer than its limit" in str(ended["reason"]), f"the reason is {ended['reason']}")
    return f"FAILED: {ended['reason']}"


def orphaned(setting: Setting) -> str:
    job_id = setting.running_job("orphaned")
    pid = setting.hub.pid
    setting.hub.kill()
    setting.hub.start()
    state = setting.client.job(job_id)["state"]
    expect(state in {"QUEUED", "RUNNING"}, f"after the restart the job is {state}")
    known = setting.steps(job_id)
    wait_until(lambda: setting.steps(job_id) > known + 5, 120, "the job goes on")
    went_on = setting.steps(job_id)
    setting.client.call("POST", f"/jobs/{job_id}/cancel")
    setting.client.wait(job_id, 60)
    return f"server {pid} was killed at step {known} and started again: {state}, and by itself at step {went_on}"


def trains(setting: Setting) -> str:
    job = setting.adapter("sample")
    file = setting.data_dir / "artifacts"
    adapters = list(file.rglob("adapters.safetensors"))
    made = setting.client.call("GET", "/models/sample")["versions"][0]
    folder = Path(setting.client.call("GET", f"/versions/{made['id']}")["folder"])
    expect((folder / "adapters.safetensors") in adapters, f"no adapter file in {folder}")
    size = (folder / "adapters.safetensors").stat().st_size
    return f"{job['state']}; adapters.safetensors of {size} bytes"


def automatic_batch(setting: Setting) -> str:
    body = setting.tiny_job("planned-batch", batch_size="auto")
    plan = setting.client.call("POST", "/jobs", json={**body, "dry_run": True})
    limit = setting.client.call("GET", "/system")["memory"]["budget_bytes"]
    expect(plan["budget_bytes"] == limit, f"budget {plan['budget_bytes']}, /system says {limit}")
    expect(plan["fits_memory"] and plan["batch_size"] >= 1, f"the plan is {plan}")
    return f"batch_size auto: {plan['batch_size']} within a budget of {limit / 1e9:.1f} GB"


def checkpoints(setting: Setting) -> str:
    body = setting.tiny_job(
        "stopped-early",
        max_steps=200,
        epochs=200,
        save_every=2,
        eval_every=2,
        eval_fraction=0.25,
        early_stopping_patience=1,
        early_stopping_min_delta=100.0,
    )
    job = setting.client.wait(str(setting.client.submit(body)["id"]))
    expect(job["state"] == "COMPLETED", f"the job {job['state']}: {job['reason']}")
    saved = setting.data_dir / "jobs" / job["id"] / "output" / "checkpoints"
    files = sorted(file.name for file in saved.glob("*.safetensors"))
    step = int(job["progress"]["step"])
    expect(bool(files), f"no checkpoint in {saved}")
    expect(step < 200, "it was not stopped early")
    return f"stopped after {step} of 200 steps; checkpoints {', '.join(files)}"


def refuses_too_large(setting: Setting) -> str:
    body = setting.tiny_job("huge", batch_size=64, max_seq_length=2048)
    body["model"] = DEFAULT_MODEL
    rows = setting.file("long.jsonl")
    text = "one two three four five six seven eight nine ten " * 400
    row = {"messages": [{"role": "user", "content": "Go"}, {"role": "assistant", "content": text}]}
    rows.write_text((json.dumps(row) + "\n") * 64)
    body["dataset"] = str(rows)
    answer = setting.client.request("POST", "/jobs", json=body)
    expect(answer.status_code == 422, f"{answer.status_code}: {answer.text[:200]}")
    error = answer.json()["error"]
    expect(error["code"] == "insufficient_memory", f"the code is {error['code']}")
    return f"422: {error['message']}"


def cooling(setting: Setting) -> str:
    job_id = setting.running_job("hot")

    def resting() -> bool:
        return bool(setting.client.call("GET", "/system")["temperature"]["resting"])

    try:
        setting.sensor.write_text("99")
        wait_until(resting, 60, "the job rests at 99 degrees")
        time.sleep(1)
        before = setting.steps(job_id)
        time.sleep(1)
        expect(setting.steps(job_id) == before, "it went on while it should rest")
    finally:
        setting.sensor.write_text("50")
    wait_until(lambda: setting.steps(job_id) > before, 60, "the job goes on at 50 degrees")
    setting.client.call("POST", f"/jobs/{job_id}/cancel")
    setting.client.wait(job_id, 60)
    return "rests while a sensor says 99 degrees, goes on at 50"


def distributed(setting: Setting) -> str:
    body = setting.tiny_job("two-ranks", data_parallel=2)
    job = setting.client.wait(str(setting.client.submit(body)["id"]), 300)
    expect(job["state"] == "COMPLETED", f"the job {job['state']}: {job['reason']}")
    ranks = job["details"]["ranks"]
    expect(ranks == 2, f"it ran with {ranks} ranks")
    return "a job of 2 processes (MLX's distributed.all_sum): COMPLETED"


def environment_snapshot(setting: Setting) -> str:
    job = setting.adapter("sample")
    output = setting.mlx_hub(f"jobs reproduce {job['id']}")
    return f"mlx-hub jobs reproduce: {' / '.join(output.strip().splitlines()[-2:])}"


def whole_flow(setting: Setting) -> str:
    """On the default model, in the plan's own words."""
    client = setting.client
    client.call("POST", "/models", json={"name": "flow", "base_model": DEFAULT_MODEL})
    rows = write_rows(setting.file("flow.jsonl"), rows=8, words=4)
    job = client.submit(
        {"base_model": "flow", "dataset_path": str(rows), "lora_rank": 8, "epochs": 4}
    )
    losses: list[float] = []
    with client.events(f"/jobs/{job['id']}/events") as stream:
        for event in stream:
            data: Json = json.loads(event.data)["data"]
            if event.type == "job.metric" and data.get("train_loss") is not None:
                losses.append(float(data["train_loss"]))
    ended = client.job(str(job["id"]))
    expect(ended["state"] == "COMPLETED", f"the job {ended['state']}: {ended['reason']}")
    expect(len(losses) >= 4, f"{len(losses)} reports")
    quarter = len(losses) // 4  # an epoch: single rows differ
    first, last = (sum(part) / quarter for part in (losses[:quarter], losses[-quarter:]))
    expect(last < first, f"the loss went from {first:.2f} to {last:.2f}")
    made = str(ended["result"]["model"])
    answer = client.chat(made, "Count from 1.", temperature=0, max_tokens=16)
    expect(bool(answer.strip()), "the answer is empty")
    course = f"mean loss {first:.2f} in the first epoch, {last:.2f} in the last"
    return f"registered, trained ({course}), serves {made}: {answer.strip()[:40]!r}"


def day_long(_: Setting) -> str:
    raise CannotCheckError("takes 24 hours: scripts/soak --hours 24")


ROWS = (
    Row(
        "T4.V",
        "Validation: submit 5 jobs; verify they execute sequentially",
        "five jobs, their start and end",
        five_jobs,
        HUB,
    ),
    Row(
        "T4.A.1",
        "Acceptance: queue correctly serializes tasks",
        "order and gaps of five jobs",
        five_jobs,
        HUB,
    ),
    Row(
        "T4.A.2",
        "Acceptance: job status updates in real-time",
        "GET /jobs/{id}/events while a job runs",
        live_states,
        HUB,
    ),
    Row(
        "T4.I",
        "Inputs: training config (base_model, dataset_path, lora_rank, epochs)",
        "POST /jobs with these",
        plans_configuration,
        HUB,
    ),
    Row(
        "T4.S.4.1",
        "Job cancellation",
        "POST /jobs/{id}/cancel",
        cancel,
        HUB,
    ),
    Row(
        "T4.S.4.2",
        "Job timeout",
        "timeout_seconds 2 of an endless job",
        timeout,
        HUB,
    ),
    Row(
        "T4.F",
        "Failure mode: orphaned 'RUNNING' jobs after crash",
        "kill the server in a job, start it again",
        orphaned,
        HUB,
    ),
    Row(
        "T5.S.2",
        "Hardware-aware batch sizing",
        "dry run with batch_size auto",
        automatic_batch,
        HUB,
    ),
    Row(
        "T5.S.3",
        "Checkpointing and early stopping",
        "a job that stops early, its checkpoints",
        checkpoints,
        HUB,
    ),
    Row(
        "T5.A",
        "Acceptance: training completes on a sample dataset; adapter file generated",
        "a job and its file",
        trains,
        HUB,
    ),
    Row(
        "S4.1",
        "Risk: memory pressure / OOM; strict budget checks before job execution",
        "a job that cannot fit",
        refuses_too_large,
        HUB,
    ),
    Row(
        "S4.2",
        "Risk: thermal throttling; cooling-off periods",
        "a sensor's file that gets hot",
        cooling,
        HUB,
    ),
    Row(
        "S3.D",
        "Distributed logic: MLX-based data parallelism",
        "a job with data_parallel 2",
        distributed,
        HUB,
    ),
    Row(
        "S3.R.2",
        "Reproducibility: environment snapshots for consistent training runs",
        "mlx-hub jobs reproduce ID",
        environment_snapshot,
        HUB,
    ),
    Row(
        "S7.1",
        "End-to-end flow: register model -> start job -> monitor training -> serve inference",
        "the four steps on the default model",
        whole_flow,
        HUB,
    ),
    Row(
        "S7.3",
        "Stability: system survives 24h of sequential fine-tuning jobs",
        "scripts/soak --hours 24",
        day_long,
    ),
)
