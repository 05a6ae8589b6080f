"""scripts/verify_plan: what the plan says of registry, storage and MLflow (tasks 2 and 3, sections 3, 4, 6)."""

from __future__ import annotations

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from hub_client import ROOT, HubClient, Json
from plan_report import Row
from plan_setting import CheckFailedError, Setting, expect, wait_until
from tiny_models import make_tiny_model

HUB = frozenset({"hub"})
REGISTRATION = """curl -X POST http://localhost:8000/models \\
     -H "Content-Type: application/json" \\
     -d '{"name": "Llama-3-8B-MLX", "base_model": "mlx-community/Meta-Llama-3-8B-4bit"}'"""
SIMULTANEOUS = 2.0  # seconds until MLflow knows a model
WRITERS = 16


def registration(setting: Setting) -> str:
    """As docs/http-api.md says: registered as pending, and not downloaded."""
    setting.start_hub()
    answer: Json = json.loads(setting.shell(REGISTRATION))
    expect("error" not in answer, f"refused: {answer.get('error')}")
    found = setting.client.call("GET", f"/models/{answer['id']}")
    expect(found["name"] == "Llama-3-8B-MLX", f"GET /models/{{id}} answers {found}")
    expect(
        found["base_model"] == "mlx-community/Meta-Llama-3-8B-4bit",
        f"base_model is {found['base_model']}",
    )
    return f"registered as {found['state']}, GET /models/{{id}} gives it back"


def mock_metadata(setting: Setting) -> str:
    output = setting.shell(
        f"uv run python scripts/try_registry.py --url {setting.client.url} --count 5"
    )
    expect("FAIL" not in output, output)
    return "; ".join(
        line.removeprefix("ok").strip() for line in output.splitlines() if line.startswith("ok")
    )


def model_folder(setting: Setting, name: str, seed: int = 0) -> Path:
    folder = setting.file(name)
    return folder if folder.exists() else make_tiny_model(folder, seed=seed)


def many_versions(setting: Setting) -> str:
    folders = [model_folder(setting, f"two-{seed}", seed) for seed in range(2)]
    model = setting.client.call(
        "POST", "/models", json={"name": "two-versions", "base_model": str(folders[0])}
    )
    setting.client.call("POST", f"/models/{model['id']}/versions", json={"path": str(folders[1])})
    versions = setting.client.call("GET", f"/models/{model['id']}")["versions"]
    numbers = [one["version"] for one in versions]
    expect(sorted(numbers) == [1, 2], f"versions of the model are {numbers}")
    for version in versions:
        uuid.UUID(version["id"])
        folder = setting.data_dir / "artifacts" / model["id"] / f"v{version['version']}"
        expect((folder / "model.safetensors").exists(), f"there is no {folder}")
    uuid.UUID(model["id"])
    return "one model, two versions; ids are UUIDs; files in /artifacts/{model_id}/{version_tag}/"


def concurrent_writes(setting: Setting) -> str:
    def register(number: int) -> int:
        client = HubClient(setting.client.url)
        body = {"name": f"writer-{number}", "base_model": "org/concurrent"}
        status = client.request("POST", "/models", json=body).status_code
        client.close()
        return status

    with ThreadPoolExecutor(WRITERS) as threads:
        answers = list(threads.map(register, range(4 * WRITERS)))
    expect(set(answers) == {201}, f"answers: {sorted(set(answers))}")
    return f"{len(answers)} registrations of {WRITERS} clients at once, all 201"


def refuses_bad_configuration(setting: Setting) -> str:
    folder = model_folder(setting, "broken")
    config = json.loads((folder / "config.json").read_text())
    del config["hidden_size"]
    (folder / "config.json").write_text(json.dumps(config))
    answer = setting.client.request(
        "POST", "/models", json={"name": "broken", "base_model": str(folder)}
    )
    expect(answer.status_code == 422, f"a config.json without hidden_size: {answer.status_code}")
    message = str(answer.json()["error"]["message"])
    expect("hidden_size" in message, f"the message does not name what is missing: {message}")
    bad = setting.client.request("POST", "/models", json={"name": 7})
    expect(bad.status_code == 400, f"invalid metadata: {bad.status_code}")
    return f"422: {message}; invalid metadata: 400"


def in_mlflow(setting: Setting, name: str) -> Json | None:
    answer = httpx.get(
        f"{setting.mlflow.url}/api/2.0/mlflow/registered-models/get", params={"name": name}
    )
    return answer.json()["registered_model"] if answer.is_success else None


def simultaneously(setting: Setting) -> str:
    client, _ = setting.client, setting.mlflow
    folder = model_folder(setting, "told", seed=5)
    client.call("POST", "/models", json={"name": "told", "base_model": str(folder)})
    registered = time.monotonic()
    wait_until(lambda: in_mlflow(setting, "told") is not None, 30, "MLflow knows the model")
    seconds = time.monotonic() - registered
    expect(seconds <= SIMULTANEOUS, f"MLflow knew it after {seconds:.1f} s")
    return f"in the hub's database at once, in MLflow after {seconds:.2f} s"


def mlflow_lineage(setting: Setting) -> str:
    setting.adapter("for-mlflow")

    def version() -> Json | None:
        model: Json = in_mlflow(setting, "for-mlflow") or {}
        versions: list[Json] = model.get("latest_versions", [])
        return next(iter(versions), None)

    def tags() -> set[str]:
        return {tag["key"] for tag in (version() or {}).get("tags", [])}

    wanted = {"hub.version", "hub.digest", "hub.base", "hub.job_id"}
    wait_until(lambda: wanted <= tags(), 30, f"MLflow has the version with {', '.join(wanted)}")
    server = httpx.get(f"{setting.mlflow.url}/version").text
    expect(server.startswith("3."), f"the server is MLflow {server}")
    return f"MLflow {server} has the version with digest, base and job"


def mlflow_tracking(setting: Setting) -> str:
    job = setting.adapter("for-mlflow")
    url = setting.mlflow.url
    experiment = httpx.get(
        f"{url}/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": "mlx-hub"}
    ).json()["experiment"]["experiment_id"]

    def run() -> Json | None:
        found = httpx.post(
            f"{url}/api/2.0/mlflow/runs/search",
            json={
                "experiment_ids": [experiment],
                "filter": f"tags.`hub.job_id` = '{job['id']}'",
            },
        ).json()
        return next(iter(found.get("runs", [])), None)

    wait_until(lambda: (run() or {}).get("info", {}).get("status") == "FINISHED", 30, "the run")
    metrics = {one["key"]: one["value"] for one in (run() or {})["data"]["metrics"]}
    for wanted in ("train_loss", "iterations_per_second"):
        expect(wanted in metrics, f"the run's metrics are {sorted(metrics)}")
    trace = f"{url}/api/3.0/mlflow/traces/tr-{job['id'].replace('-', '')}"
    wait_until(lambda: httpx.get(trace).is_success, 30, "MLflow has the job's OpenTelemetry trace")
    return f"run with train_loss {metrics['train_loss']:.3f}, iterations/s, and the job's OpenTelemetry trace"


def without_mlflow(setting: Setting) -> str:
    client, server = setting.client, setting.mlflow
    server.kill()
    try:
        started = time.monotonic()
        client.call("POST", "/models", json={"name": "offline", "base_model": "org/off"})
        seconds = time.monotonic() - started
    finally:
        server.start()
    expect(seconds < 2, f"the registration took {seconds:.1f} s")
    wait_until(lambda: in_mlflow(setting, "offline") is not None, 60, "MLflow is told afterwards")
    return f"registered in {seconds:.2f} s while MLflow was down; MLflow was told when it was back"


def damaged_file(setting: Setting) -> str:
    folder = model_folder(setting, "damaged", seed=9)
    model = setting.client.call(
        "POST", "/models", json={"name": "damaged", "base_model": str(folder)}
    )
    version = setting.client.call("GET", f"/versions/{model['versions'][0]['id']}")
    file = Path(version["folder"]) / "model.safetensors"
    file.chmod(0o644)
    with file.open("r+b") as stream:
        stream.seek(-1, 2)
        byte = stream.read(1)
        stream.seek(-1, 2)
        stream.write(bytes([byte[0] ^ 1]))
    setting.client.request("POST", f"/versions/{version['id']}/verify")
    state = setting.client.call("GET", f"/versions/{version['id']}")["state"]
    if state != "corrupt":
        raise CheckFailedError(f"one bit was changed and the version is {state}")
    leftovers = list((setting.data_dir / "artifacts").rglob(".tmp-*"))
    expect(not leftovers, f"half-made folders: {leftovers}")
    return "one changed bit: POST /versions/{id}/verify makes the version corrupt; nothing half-made is left"


def plan_of_migrations(setting: Setting) -> str:
    setting.start_hub()
    expect((setting.data_dir / "hub.db").exists(), "there is no hub.db")
    steps = sorted(file.name for file in (ROOT / "core/db/schema").glob("[0-9]*.sql"))
    expect(bool(steps), "there are no numbered migrations")
    return f"SQLite database of {len(steps)} migrations, {steps[0]} to {steps[-1]}"


ROWS = (
    Row(
        "T2.O",
        "Outputs: SQLite database with initial tables",
        "the fresh data folder's hub.db, core/db/schema",
        plan_of_migrations,
        HUB,
    ),
    Row(
        "T2.V",
        "Validation: script to insert/retrieve mock model metadata",
        "scripts/try_registry.py",
        mock_metadata,
        HUB,
    ),
    Row(
        "T2.A",
        "Acceptance: 1:N model-to-version relationships; artifacts mapped to UUIDs",
        "a model with two versions, their ids and folders",
        many_versions,
        HUB,
    ),
    Row(
        "T2.F",
        "Failure mode: DB locking under concurrent job writes",
        "64 registrations at once",
        concurrent_writes,
        HUB,
    ),
    Row(
        "S6.2",
        "Test model registration",
        REGISTRATION,
        registration,
        HUB,
    ),
    Row(
        "T3.V",
        "Validation: HTTPie or curl tests against registration endpoints",
        "scripts/try_registry.py, as row T2.V",
        mock_metadata,
        HUB,
    ),
    Row(
        "T3.S.4",
        "Validation for model configuration (config.json); invalid metadata",
        "a config.json without hidden_size",
        refuses_bad_configuration,
        HUB,
    ),
    Row(
        "T3.A",
        "Acceptance: model registered in local DB and MLflow simultaneously",
        f"register, and ask a real MLflow 3 within {SIMULTANEOUS:g} s",
        simultaneously,
        HUB,
    ),
    Row(
        "S3.M.1",
        "Methodology: MLflow 3.x for artifact lineage and versioning",
        "the adapter's version in MLflow",
        mlflow_lineage,
        HUB,
    ),
    Row(
        "S3.M.2",
        "Methodology: MLflow Tracking with OpenTelemetry",
        "the job's run, metrics and trace in MLflow",
        mlflow_tracking,
        HUB,
    ),
    Row(
        "T3.F",
        "Failure mode: MLflow service unreachable",
        "register while MLflow is stopped",
        without_mlflow,
        HUB,
    ),
    Row(
        "S4.4",
        "Risk: artifact corruption; atomic writes and checksum validation",
        "flip a bit, verify",
        damaged_file,
        HUB,
    ),
)
