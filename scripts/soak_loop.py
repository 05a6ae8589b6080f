"""Jobs one after another with chat traffic beside them, for hours; prints what grows.

    scripts/soak --hours 0.5 [--json FILE]

Every line: jobs done, chats answered, the server's resident memory and open files, its workers, and how long the
last job waited to start. At the end: the slope of memory and of open files over the second half, the median of the
slopes between any two.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from chaos import workers_of
from hub_client import HubClient, HubError, HubProcess, Json
from tiny_models import make_tiny_model, write_rows

MOST_KB_PER_JOB = 20.0


class Chats:
    """Asks one short question after another until it is stopped."""

    def __init__(self, url: str) -> None:
        self.answered = 0
        self.errors: list[str] = []
        self._client = HubClient(url, timeout=120)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        while not self._stop.wait(0.05):
            try:
                self._client.chat("tiny", f"Hello {self.answered}", max_tokens=8)
                self.answered += 1
            except HubError as error:
                self.errors.append(str(error))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()


def resident_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def slope(xs: list[float], ys: list[float]) -> float:
    """Theil and Sen's: a heap that grows by a step now and then does not pass for a leak, nor a leak for a step."""
    points = list(zip(xs, ys, strict=True))
    slopes = [
        (y2 - y1) / (x2 - x1)
        for i, (x1, y1) in enumerate(points)
        for x2, y2 in points[i + 1 :]
        if x2 != x1
    ]
    return statistics.median(slopes) if slopes else 0.0


def run_jobs(hub: HubProcess, root: Path, hours: float, chats: Chats) -> list[Json]:
    client = HubClient(hub.url)
    rows: list[Json] = []
    end = time.monotonic() + hours * 3600
    while time.monotonic() < end:
        params = {"rank": 2, "epochs": 100, "max_steps": 30, "batch_size": 2, "max_seq_length": 64}
        begun = time.monotonic()
        job = client.submit(
            {"type": "finetune", "model": "tiny", "dataset": "rows", "params": params}
        )
        while client.job(str(job["id"]))["state"] == "QUEUED":
            time.sleep(0.005)
        delay = time.monotonic() - begun
        done = client.wait(str(job["id"]), 300)
        if done["state"] != "COMPLETED":
            raise HubError(f"job {done['id']} {done['state']}: {done['reason']}")
        client.call("DELETE", f"/models/{done['result']['model']}")
        row: Json = {
            "jobs": len(rows) + 1,
            "chats": chats.answered,
            "resident_kb": resident_kb(hub.pid),
            "open_files": len(list(Path(f"/proc/{hub.pid}/fd").iterdir())),
            "workers": len(workers_of(root)),
            "start_delay_seconds": round(delay, 3),
        }
        rows.append(row)
        if len(rows) % 20 == 1:
            print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    client.close()
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=0.5)
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlx-hub-soak-") as folder:
        root = Path(folder)
        (root / "data").mkdir()
        arguments = ("--allow-path", folder)
        with HubProcess(options.build_dir.resolve(), root / "data", arguments) as hub:
            client = HubClient(hub.url)
            model = make_tiny_model(root / "tiny")
            client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
            client.upload_dataset("rows", write_rows(root / "rows.jsonl"))
            client.close()
            chats = Chats(hub.url)
            rows = run_jobs(hub, root, options.hours, chats)
            chats.stop()
        left = workers_of(root)
    half = rows[len(rows) // 2 :]
    jobs = [float(row["jobs"]) for row in half]
    result: Json = {
        "hours": options.hours,
        "jobs": len(rows),
        "chats": chats.answered,
        "chat_errors": len(chats.errors),
        "memory_kb_per_job": round(slope(jobs, [float(r["resident_kb"]) for r in half]), 2),
        "open_files_per_job": round(slope(jobs, [float(r["open_files"]) for r in half]), 4),
        "most_workers": max(int(row["workers"]) for row in rows),
        "median_start_delay_seconds": statistics.median(
            float(row["start_delay_seconds"]) for row in rows
        ),
        "workers_left": len(left),
    }
    for name, value in result.items():
        print(f"{name}: {value}")
    for error in chats.errors[:5]:
        print(f"chat: {error}")
    if options.json:
        options.json.write_text(json.dumps({**result, "rows": rows}, indent=2) + "\n")
    bad = chats.errors or left or float(result["memory_kb_per_job"]) > MOST_KB_PER_JOB
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
