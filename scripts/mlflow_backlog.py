"""What a hub does while MLflow is away, faster than it would be done, and whether MLflow knows it all afterwards."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from hub_client import HubClient, HubError, Json
from tiny_models import make_tiny_model

ADAPTER = "backlog"
PAGE = 1000


@dataclass(frozen=True)
class Amount:
    """Trainings, each evaluated and promoted, and base models that are registered meanwhile."""

    trainings: int
    reports: int  # of a training
    models: int


def minutes_of_work(minutes: int) -> Amount:
    """A training every two minutes that reports every second, a base model every minute."""
    return Amount(trainings=max(1, minutes // 2), reports=120, models=minutes)


@dataclass
class Backlog:
    """What MLflow is to know."""

    models: list[str] = field(default_factory=list[str])  # with one version each
    reports: dict[str, list[Json]] = field(default_factory=dict[str, list[Json]])  # by training
    evaluations: list[Json] = field(default_factory=list[Json])


def make_backlog(api: HubClient, folder: Path, amount: Amount) -> Backlog:
    """Everything is real: the registrations, the trainings on a tiny model, the evaluations, the promotions."""
    backlog = Backlog()

    def register(name: str) -> None:
        model = make_tiny_model(folder / name, seed=len(backlog.models))
        api.call("POST", "/models", json={"name": name, "base_model": str(model)})
        backlog.models.append(name)

    register("backlog-base")
    rows = folder / "backlog.jsonl"
    row = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho."}]}
    rows.write_text((json.dumps(row) + "\n") * amount.reports)
    api.upload_dataset("backlog-all", rows)
    rows.write_text((json.dumps(row) + "\n") * 4)
    api.upload_dataset("backlog-few", rows)
    for training in range(amount.trainings):
        job = api.submit(
            {
                "type": "finetune",
                "model": "backlog-base",
                "dataset": "backlog-all",
                "params": {"rank": 2, "batch_size": 1, "epochs": 1, "report_every": 1},
                "output": {"name": ADAPTER},
            }
        )
        done = api.wait(str(job["id"]))
        if done["state"] != "COMPLETED":
            raise HubError(f"training {training} {done['state'].lower()}: {done['reason']}")
        backlog.reports[str(job["id"])] = reports_of(api, str(job["id"]))
        backlog.evaluations.append(api.evaluate(f"{ADAPTER}:{training + 1}", "backlog-few"))
        api.call("PUT", f"/models/{ADAPTER}/aliases/production", json={"version": training + 1})
        while len(backlog.models) * amount.trainings <= (training + 1) * amount.models:
            register(f"backlog-{len(backlog.models)}")
    return backlog


def reports_of(api: HubClient, job: str) -> list[Json]:
    page = api.call("GET", f"/jobs/{job}/metrics", params={"limit": 10_000})
    return list(page["data"])


class Told:
    """What an MLflow server says over REST."""

    def __init__(self, url: str, experiment: str = "mlx-hub") -> None:
        self._http = httpx.Client(base_url=f"{url}/api/2.0/mlflow", timeout=60.0)
        found = self._get("experiments/get-by-name", experiment_name=experiment)
        self._experiment = str(found["experiment"]["experiment_id"])

    def _get(self, call: str, **query: str | int) -> Json:
        return dict(self._http.get(f"/{call}", params=query).raise_for_status().json())

    def versions(self, model: str) -> list[Json]:
        """The oldest first."""
        found = self._get("model-versions/search", filter=f"name='{model}'", max_results=PAGE)
        return sorted(found.get("model_versions", []), key=lambda one: int(one["version"]))

    def alias(self, model: str, alias: str) -> str:
        found = self._get("registered-models/alias", name=model, alias=alias)
        return str(found["model_version"]["version"])

    def runs(self) -> dict[str, list[Json]]:
        """By the job's id: one each, where nothing is doubled."""
        found: dict[str, list[Json]] = {}
        token = ""
        while True:
            body = {"experiment_ids": [self._experiment], "max_results": PAGE, "page_token": token}
            answer = self._http.post("/runs/search", json=body).raise_for_status().json()
            for run in answer.get("runs", []):
                tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
                found.setdefault(tags["hub.job_id"], []).append(run)
            token = answer.get("next_page_token", "")
            if not token:
                return found

    def history(self, run: str, key: str) -> list[tuple[int, float]]:
        """Steps and values, as they were logged."""
        found = self._get("metrics/get-history", run_id=run, metric_key=key, max_results=25_000)
        return [(int(one["step"]), float(one["value"])) for one in found.get("metrics", [])]


def check(backlog: Backlog, url: str) -> Json:
    """Compares point by point. Returns what there is; raises HubError where something is missing, double or out of
    order."""
    told = Told(url)
    counts = {model: len(told.versions(model)) for model in backlog.models}
    faults = [f"{model} has {n} versions" for model, n in counts.items() if n != 1]
    numbers = [
        {tag["key"]: tag["value"] for tag in version["tags"]}["hub.version"]
        for version in told.versions(ADAPTER)
    ]
    if numbers != [str(i + 1) for i in range(len(backlog.reports))]:
        faults.append(f"{ADAPTER}'s versions are {numbers}")
    if told.alias(ADAPTER, "production") != str(len(backlog.reports)):
        faults.append(f"production is {told.alias(ADAPTER, 'production')}")
    runs = told.runs()
    figures = {str(one["job_id"]): one["metrics"] for one in backlog.evaluations}
    points = 0
    for job in (*backlog.reports, *figures):
        if len(runs.get(job, [])) != 1 or runs[job][0]["info"]["status"] != "FINISHED":
            faults.append(f"job {job} has the runs {[run['info'] for run in runs.get(job, [])]}")
            continue
        expected = (
            points_of(backlog.reports[job])
            if job in backlog.reports
            else {key: [(0, float(value))] for key, value in figures[job].items()}
        )
        for key, wanted in expected.items():
            there = told.history(runs[job][0]["info"]["run_id"], key)
            points += len(there)
            if there != wanted:
                faults.append(f"job {job}: {key} has {len(there)} points of {len(wanted)}")
    if faults:
        raise HubError("MLflow was told otherwise: " + "; ".join(faults[:10]))
    return {
        "models": len(backlog.models) + 1,
        "versions": len(backlog.models) + len(numbers),
        "runs": len(backlog.reports) + len(figures),
        "metric_points": points,
    }


def points_of(reports: list[Json]) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for report in reports:
        for key, value in report.items():
            if key != "step" and isinstance(value, int | float):
                found.setdefault(key, []).append((int(report["step"]), float(value)))
    return found


def resident_bytes(pid: int) -> int:
    done = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True
    )
    return int(done.stdout) * 1024
