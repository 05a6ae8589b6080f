"""What a dummy training takes, part by part: the product's estimate, and the same from measured runs.

Every layer of a model adds the same weights, adapters, gradients, optimizer state and activations; the embedding, the
head and the loss are there once. So two runs with different numbers of layers tell what is of a layer and what is
there once, and with that what any number of layers takes.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import mlx.core as mx
from random_model import Shape, declare_model, write_model
from training_job import Json, estimate_job, run_job, write_rows

FEW, MANY = 1, 3  # layers of the measured runs
Say = Callable[[str], None]

# Names of parts as FinetuneMemory's, in the order of tables and charts.
LABELS = {
    "weights": "base weights",
    "trained": "adapters",
    "optimizer": "optimizer state",
    "activations": "activations of all layers",
    "working": "logits and loss, or a layer's working set",
    "ahead": "evaluation ahead of the GPU",
}


@dataclass(frozen=True)
class Training:
    """Settings of the dummy training."""

    batch: int = 4
    length: int = 64  # tokens of a row
    rank: int = 8
    steps: int = 2

    def params(self, accumulation: int = 1) -> Json:
        return {
            "rank": self.rank,
            "batch_size": self.batch,
            "max_seq_length": self.length,
            "train_on_prompt": True,  # every token: what takes most
            "max_steps": self.steps,
            "epochs": self.steps * accumulation,
            "grad_accumulation_steps": accumulation,
            "eval_every": 0,
            "eval_fraction": 0.0,
            "save_every": 0,
        }


class Profiler:
    """Estimates and runs trainings of random models in a folder of its own."""

    def __init__(self, worker: Path, folder: Path, half: mx.Dtype, say: Say) -> None:
        self.worker = worker
        self.folder = folder
        self.half = half
        self.say = say
        self.count = 0

    def _place(self, name: str) -> Path:
        self.count += 1
        place = self.folder / f"{self.count}-{name}"
        place.mkdir()
        return place

    def estimate(self, shape: Shape, training: Training) -> Json:
        """FinetuneMemory's members. Takes a fraction of a second whatever the size."""
        place = self._place("estimate")
        model = declare_model(place / "model", shape, self.half)
        rows = write_rows(place / "rows.jsonl", training.batch, training.length)
        memory = estimate_job(self.worker, model, rows, place, training.params())
        shutil.rmtree(place)
        return memory

    def run(self, shape: Shape, training: Training) -> Json:
        """A measured run; bytes, and seconds of a step (the fastest but the first)."""
        place = self._place(f"{shape.layers}-layers")
        self.say(f"{shape.layers} layers: writing random weights")
        model = write_model(place / "model", shape, self.half)
        self.say(f"{shape.layers} layers: training {training.steps} steps")
        result = self._train(model, place, training, accumulation=1)
        memory = {
            "weights": result["weight_bytes"],
            "trained": result["adapter_bytes"],
            # In arrays between two steps, beside these: the last memory event comes after they are gone.
            "optimizer": int(result["steps"][-1]["active_memory_bytes"])
            - result["weight_bytes"]
            - result["adapter_bytes"],
            "array_bytes": result["peak_bytes"],
            "cache_bytes": result["cache_bytes"],
            "process_bytes": result["resident_bytes"],
            "step_seconds": min(result["step_seconds"][1:] or result["step_seconds"]),
        }
        if shape.layers == MANY:
            memory["gradients"] = self._gradients(model, place, training)
        shutil.rmtree(place)
        return memory

    def _gradients(self, model: Path, place: Path, training: Training) -> int:
        """What accumulating adds to the peak: the summed gradients. On the smallest batch, which they do not depend
        on."""
        self.say("gradients: the peak with and without accumulated ones")
        smallest = replace(training, batch=1, length=8)
        peaks = [
            int(self._train(model, place, smallest, accumulation, quiet=True)["peak_bytes"])
            for accumulation in (1, 2)
        ]
        return peaks[1] - peaks[0]

    def _train(
        self, model: Path, place: Path, training: Training, accumulation: int, quiet: bool = False
    ) -> Json:
        def step(event: Json) -> None:
            seconds = 1 / float(event["iterations_per_second"])
            self.say(f"  step {event['step']} of {training.steps}: {seconds:.1f} s")

        count = training.steps * training.batch * accumulation
        rows = write_rows(place / "rows.jsonl", count, training.length)
        output = place / f"output-{accumulation}-{training.length}"
        started = time.monotonic()
        result = run_job(
            self.worker,
            model,
            rows,
            output,
            training.params(accumulation),
            on_step=None if quiet else step,
        )
        result["adapter_bytes"] = tensor_bytes(output / "adapter" / "adapters.safetensors")
        result["seconds"] = time.monotonic() - started
        return result


def tensor_bytes(file: Path) -> int:
    """Of a safetensors file's content."""
    with file.open("rb") as stream:
        header: Json = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    return max(part["data_offsets"][1] for name, part in header.items() if name != "__metadata__")


def extrapolated(few: Json, many: Json, layers: int) -> Json:
    """What two measured runs say of `layers` layers, part by part."""

    def at(key: str, count: int) -> float:
        return float(few[key] + (many[key] - few[key]) / (MANY - FEW) * (count - FEW))

    def transient(count: int) -> float:
        fixed = sum(at(key, count) for key in ("weights", "trained", "optimizer"))
        return at("array_bytes", count) - fixed

    keys = ("weights", "trained", "optimizer", "array_bytes", "process_bytes")
    result: Json = {key: round(at(key, layers)) for key in keys}
    result["working"] = round(transient(0))
    result["activations"] = round(transient(layers) - transient(0))
    # Every layer has the same adapters, and nothing else has any.
    result["gradients"] = round(many["gradients"] / MANY * layers)
    result["step_seconds"] = at("step_seconds", layers)
    return result
