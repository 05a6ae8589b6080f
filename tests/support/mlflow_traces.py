"""The traces that MLflow's own Python client finds: run in its environment, prints JSON.

python tests/support/mlflow_traces.py URI EXPERIMENT_ID
"""

# pyright: basic
from __future__ import annotations

import json
import sys
from typing import Any

import mlflow  # pyright: ignore[reportMissingImports]


def read(uri: str, experiment: str) -> list[dict[str, Any]]:
    mlflow.set_tracking_uri(uri)
    found = mlflow.search_traces(
        locations=[experiment], return_type="list", include_spans=True, max_results=2000
    )
    return [
        {
            "id": trace.info.trace_id,
            "state": str(trace.info.state),
            "spans": [
                {
                    "id": span.span_id,
                    "parent": span.parent_id,
                    "name": span.name,
                    "start_ns": span.start_time_ns,
                    "end_ns": span.end_time_ns,
                    "attributes": dict(span.attributes),
                    "status": str(span.status.status_code),
                }
                for span in trace.data.spans
            ],
        }
        for trace in found
    ]


if __name__ == "__main__":
    json.dump(read(sys.argv[1], sys.argv[2]), sys.stdout, default=str)
