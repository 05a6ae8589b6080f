"""What scripts/demo does; see there."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub_client import DEFAULT_MODEL, ENDED, HubClient, HubError, HubProcess, Json
from package_files import cache_folder

QUESTIONS = (
    "What is the capital of Australia?",
    "Which planet is known as the Red Planet?",
    "Who painted the Mona Lisa?",
)
METRIC_EVENT = "job.metric"


@dataclass
class Watched:
    """What the events of a job told."""

    job: Json
    first_loss: float | None = None
    last_loss: float | None = None
    iterations_per_second: float | None = None


class ProgressLine:
    """A bar that is redrawn in a terminal; a line now and then elsewhere."""

    def __init__(self) -> None:
        self.terminal = sys.stdout.isatty()
        self.last_printed = -1

    def show(self, step: int, total: int, text: str) -> None:
        if self.terminal:
            width = max(10, min(40, shutil.get_terminal_size().columns - 60))
            filled = width * step // max(1, total)
            print(
                f"\r  [{'#' * filled}{'.' * (width - filled)}] {step}/{total} {text}\x1b[K",
                end="",
                flush=True,
            )
        elif step - self.last_printed >= max(1, total // 10) or step == total != self.last_printed:
            print(f"  step {step}/{total} {text}", flush=True)
            self.last_printed = step

    def end(self) -> None:
        if self.terminal:
            print()


def watch(client: HubClient, job_id: str) -> Watched:
    """Follows the job's events to its end; a cut stream is taken up after the last event seen."""
    watched = Watched({})
    line = ProgressLine()
    step, total, seen = 0, 0, None
    while watched.job.get("state") not in ENDED:
        with contextlib.suppress(HubError), client.events(f"/jobs/{job_id}/events", seen) as events:
            for event in events:
                seen = event.id or seen
                data: Json = json.loads(event.data).get("data", {})
                step, total = int(data.get("step", step)), int(data.get("total", total))
                if event.type == METRIC_EVENT and "train_loss" in data:
                    watched.last_loss = float(data["train_loss"])
                    watched.first_loss = watched.first_loss or watched.last_loss
                    speed = data.get("iterations_per_second")
                    watched.iterations_per_second = speed or watched.iterations_per_second
                if total and watched.last_loss is not None:
                    rate = (
                        f"{watched.iterations_per_second:.2f} it/s"
                        if watched.iterations_per_second
                        else ""
                    )
                    line.show(step, total, f"loss {watched.last_loss:.3f}  {rate}")
        watched.job = client.job(job_id)
        if watched.job["state"] not in ENDED:
            time.sleep(0.2)
    line.end()
    return watched


def upload(client: HubClient, name: str, path: Path) -> None:
    """Uploads the data set unless the hub has it from an earlier run."""
    if client.request("GET", f"/datasets/{name}").is_success:
        print(f"  {name}: there already")
        return
    dataset = client.upload_dataset(name, path)
    print(f"  {name}: {dataset['rows']} rows, digest {str(dataset['digest'])[:12]}")


def loss_of(client: HubClient, model: str, dataset: str) -> float:
    evaluation = client.evaluate(model, dataset)
    loss = float(evaluation["metrics"]["loss"])
    print(
        f"  {model}: loss {loss:.4f}, perplexity {float(evaluation['metrics']['perplexity']):.2f}"
    )
    return loss


def train(client: HubClient, name: str, options: argparse.Namespace) -> Watched:
    job = client.submit(
        {
            "type": "finetune",
            "model": DEFAULT_MODEL,
            "dataset": "trivia-train",
            "params": {
                "rank": 8,
                "learning_rate": 2e-4,
                "batch_size": options.batch,
                "max_seq_length": 256,
                "epochs": 100,
                "max_steps": options.steps,
                "report_every": 1,
                "eval_every": 0,
                "eval_fraction": 0.0,
                "save_every": 0,
                "seed": options.seed,
            },
            "output": {"name": name},
        }
    )
    print(f"  job {job['id']}: {job['state']}")
    watched = watch(client, str(job["id"]))
    if watched.job["state"] != "COMPLETED":
        raise HubError(f"the job {watched.job['state'].lower()}: {watched.job['reason']}")
    return watched


def ask(client: HubClient, model: str) -> None:
    for question in QUESTIONS:
        answer = client.chat(model, question, temperature=0, max_tokens=40)
        print(f"  {model}\n    Q: {question}\n    A: {answer.strip()}")


def loop(client: HubClient, options: argparse.Namespace) -> Json:
    data = cache_folder() / "data" / "trivia-v1"
    name = options.name or f"trivia-{int(time.time())}"
    print("1. Data sets")
    upload(client, "trivia-train", data / "train.jsonl")
    upload(client, "trivia-valid", data / "valid.jsonl")
    print("2. Held-out loss of the base model")
    before = loss_of(client, DEFAULT_MODEL, "trivia-valid")
    print(f"3. Fine-tuning (LoRA, {options.steps} steps of {options.batch} rows)")
    started = time.monotonic()
    watched = train(client, name, options)
    seconds = time.monotonic() - started
    print("4. Held-out loss of the result")
    after = loss_of(client, name, "trivia-valid")
    print("5. Answers of the base and of the result")
    ask(client, DEFAULT_MODEL)
    ask(client, f"{DEFAULT_MODEL}+{name}")
    result: dict[str, Any] = {
        "model": name,
        "steps": options.steps,
        "batch": options.batch,
        "held_out_loss_before": before,
        "held_out_loss_after": after,
        "train_loss_first": watched.first_loss,
        "train_loss_last": watched.last_loss,
        "iterations_per_second": watched.iterations_per_second,
        "peak_memory_bytes": watched.job["memory"]["peak_bytes"],
        "training_seconds": round(seconds, 1),
    }
    print("\nSummary")
    for key, value in result.items():
        print(f"  {key:24} {value:.4f}" if isinstance(value, float) else f"  {key:24} {value}")
    return result


def main(description: str) -> int:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--url", help="a running hub; default: one of its own on a temporary folder"
    )
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", help="the result's name; default: trivia- and the time")
    parser.add_argument(
        "--build-dir", type=Path, default=Path(os.environ.get("MLX_HUB_BUILD", "build/release"))
    )
    parser.add_argument("--json", type=Path, help="also writes the figures there")
    options = parser.parse_args()
    try:
        with contextlib.ExitStack() as stack:
            url = options.url
            if url is None:
                url = stack.enter_context(HubProcess(options.build_dir.resolve())).url
            print(f"Hub: {url}")
            client = HubClient(url)
            stack.callback(client.close)
            result = loop(client, options)
    except HubError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    if result["held_out_loss_after"] >= result["held_out_loss_before"]:
        print("demo: the held-out loss did not fall", file=sys.stderr)
        return 1
    return 0
