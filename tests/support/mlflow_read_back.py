"""What MLflow's own Python client finds: run in its environment, prints JSON.

python tests/support/mlflow_read_back.py URI EXPERIMENT
python tests/support/mlflow_read_back.py files URI ARTIFACT_URI
"""

# pyright: basic
from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import mlflow  # pyright: ignore[reportMissingImports]


def files_of(uri: str) -> dict[str, str]:
    """SHA-256 by name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder))
        return {
            str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(path.rglob("*"))
            if file.is_file()
        }


def figures_of(source: str) -> list[dict[str, Any]]:
    """The metrics beside a logged model."""
    model = mlflow.get_logged_model(source.removeprefix("models:/"))
    return [
        {
            "key": one.key,
            "value": one.value,
            "run": one.run_id,
            "dataset": one.dataset_name,
            "digest": one.dataset_digest,
        }
        for one in sorted(model.metrics or [], key=lambda one: (one.timestamp, one.key))
    ]


def read(uri: str, experiment: str) -> dict[str, Any]:
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient()
    found = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id]) if found else []
    models: dict[str, Any] = {}
    for model in client.search_registered_models(max_results=1000):
        versions = client.search_model_versions(f"name='{model.name}'", max_results=1000)
        models[model.name] = {
            "description": model.description,
            "tags": model.tags,
            "aliases": {alias: str(number) for alias, number in model.aliases.items()},
            "versions": {
                str(version.version): {
                    "run_id": version.run_id,
                    "tags": version.tags,
                    "source": version.source,
                    "status": version.status,
                    "figures": figures_of(version.source),
                }
                for version in versions
            },
        }
    return {
        "models": models,
        "runs": [
            {
                "id": run.info.run_id,
                "name": run.info.run_name,
                "status": run.info.status,
                "params": run.data.params,
                "tags": run.data.tags,
                "history": {
                    key: [
                        [m.step, m.value] for m in client.get_metric_history(run.info.run_id, key)
                    ]
                    for key in run.data.metrics
                },
                "datasets": [
                    {
                        "name": one.dataset.name,
                        "digest": one.dataset.digest,
                        "tags": {tag.key: tag.value for tag in one.tags},
                    }
                    for one in run.inputs.dataset_inputs
                ],
                "outputs": [one.model_id for one in run.outputs.model_outputs],
            }
            for run in runs
        ],
    }


if __name__ == "__main__":
    if sys.argv[1] == "files":
        mlflow.set_tracking_uri(sys.argv[2])
        print(json.dumps(files_of(sys.argv[3])))
    else:
        print(json.dumps(read(sys.argv[1], sys.argv[2])))
