"""mlx-lm as a peer of the benchmarks, in a process of its own that is kept loaded between turns.

The parent uses `Peer`; this file run as a program is the child: one JSON command a line on standard input, one
JSON answer a line on standard output. A process of its own, so that OpenBLAS can be preloaded for one form and not
for another, and so that ours and the peer's never run at the same time.
"""

from __future__ import annotations

import ctypes.util
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

Json = dict[str, Any]


class Peer:
    """One loaded mlx-lm model. `form`: "quantized" as in the folder, or "float32" (dequantized once)."""

    def __init__(
        self, model: Path, form: str = "quantized", preload_openblas: bool = False
    ) -> None:
        environment = dict(os.environ)
        if preload_openblas:
            environment["LD_PRELOAD"] = openblas_library()
        self._child = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.call(do="load", model=str(model), form=form)

    def call(self, **command: Any) -> Json:
        if self._child.stdin is None or self._child.stdout is None:
            raise RuntimeError("the peer has no pipes")
        self._child.stdin.write(json.dumps(command) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"mlx-lm ended with {self._child.wait()} during {command['do']}")
        return json.loads(line)

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._child.wait()


def openblas_library() -> str:
    found = ctypes.util.find_library("openblas")
    if found is None:
        raise RuntimeError("libopenblas was not found: run scripts/setup")
    return found


def untyped(module: str) -> Any:
    """A module whose own types are incomplete; loaded when needed, since only the child needs MLX."""
    return importlib.import_module(module)


class Served:
    """The child's side."""

    def __init__(self) -> None:
        self.model: Any = None
        self.tokenizer: Any = None
        self.folder = ""

    def load(self, model: str, form: str) -> Json:
        utils = untyped("mlx_lm.utils")
        self.folder = model
        self.model, self.tokenizer = utils.load(model)[:2]
        if form == "float32":
            self.model = utils.dequantize_model(self.model)
        return {}

    def generate(self, tokens: list[int], count: int) -> Json:
        """Greedy, end-of-text ignored. Seconds to the first token and from the first to the last."""
        mx, generation = untyped("mlx.core"), untyped("mlx_lm.generate")
        started = time.perf_counter()
        arrivals: list[float] = []
        made: list[int] = []
        for token, _ in generation.generate_step(mx.array(tokens), self.model, max_tokens=count):
            made.append(int(token))
            arrivals.append(time.perf_counter())
        return {
            "tokens": made,
            "first_seconds": arrivals[0] - started,
            "rest_seconds": arrivals[-1] - arrivals[0],
        }

    def batch(self, prompts: list[list[int]], count: int) -> Json:
        """Greedy answers to several prompts at once; tokens a second of them all once every prompt is read."""
        generator = untyped("mlx_lm.generate").BatchGenerator(
            self.model, max_tokens=count, completion_batch_size=len(prompts)
        )
        generator.insert(prompts, [count] * len(prompts))
        begun: set[int] = set()
        counted, first, last = 0, 0.0, 0.0
        while responses := generator.next_generated():
            last = time.perf_counter()
            if len(begun) == len(prompts):
                counted += len(responses)
                if any(one.finish_reason is not None for one in responses):
                    break
            begun |= {one.uid for one in responses}
            if len(begun) == len(prompts) and not first:
                first = last
        generator.close()
        return {"rate": counted / (last - first)}

    def train(self, rows: list[Any], params: Json) -> Json:
        """LoRA on every linear layer with mlx-lm's own trainer; what each step took and its loss."""
        optimizers = untyped("mlx.optimizers")
        datasets, trainer = untyped("mlx_lm.tuner.datasets"), untyped("mlx_lm.tuner.trainer")

        model = self._fresh_model()
        model.freeze()
        lora = {"rank": params["rank"], "scale": params["scale"], "dropout": 0.0}
        layers = params.get("num_layers", len(model.layers))
        untyped("mlx_lm.tuner.utils").linear_to_lora_layers(model, layers, lora)
        data = datasets.CacheDataset(datasets.ChatDataset(rows, self.tokenizer, mask_prompt=True))
        reports: list[Json] = []

        class Callback:
            def on_train_loss_report(self, info: Json) -> None:
                reports.append(info)

            def on_val_loss_report(self, info: Json) -> None:
                pass

        with tempfile.TemporaryDirectory() as folder:
            arguments = trainer.TrainingArgs(
                batch_size=params["batch"],
                iters=params["steps"],
                steps_per_report=1,
                steps_per_save=10**9,
                max_seq_length=params["length"],
                adapter_file=str(Path(folder) / "adapters.safetensors"),
                grad_checkpoint=params.get("grad_checkpoint", False),
            )
            optimizer = optimizers.AdamW(learning_rate=params["learning_rate"])
            trainer.train(
                model, optimizer, data, None, args=arguments, training_callback=Callback()
            )
        return {
            "step_seconds": [1.0 / float(one["iterations_per_second"]) for one in reports],
            "losses": [float(one["train_loss"]) for one in reports],
            "peak_bytes": int(float(reports[-1]["peak_memory"]) * 1e9),
        }

    def losses(self, rows: list[Any], adapter: str | None) -> Json:
        """Loss over the assistant's tokens of all rows, weighted by tokens, from mlx-lm's logits.

        The cross entropy itself is taken in float64: MLX sums the 49152 exponentials one by one in float32 on a CPU,
        which shifts every loss by 1e-4.
        """
        mx = untyped("mlx.core")
        model = self._fresh_model(adapter)
        data = untyped("mlx_lm.tuner.datasets").ChatDataset(rows, self.tokenizer, mask_prompt=True)
        losses: list[float] = []
        for row in rows:
            tokens, offset = data.process(row)
            logits = np.array(model(mx.array([tokens[:-1]]))[0], dtype=np.float64)
            largest = logits.max(axis=1)
            normalizer = np.log(np.exp(logits - largest[:, None]).sum(axis=1)) + largest
            losses.extend(
                float(normalizer[position] - logits[position, tokens[position + 1]])
                for position in range(offset - 1, len(tokens) - 1)
            )
        return {"loss": sum(losses) / len(losses), "tokens": len(losses)}

    def chat(self, prompt: str, count: int, adapter: str | None) -> Json:
        """Greedy answer to one user message."""
        messages = [{"role": "user", "content": prompt}]
        tokens = self.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_dict=False
        )
        generation = untyped("mlx_lm.generate")
        model = self._fresh_model(adapter)
        return {"text": generation.generate(model, self.tokenizer, tokens, max_tokens=count)}

    def _fresh_model(self, adapter: str | None = None) -> Any:
        """The weights without an earlier turn's adapters, with `adapter` (a folder) where given."""
        utils = untyped("mlx_lm.utils")
        dequantized = not any("scales" in name for name in self._parameter_names())
        model = utils.load(self.folder)[0]
        if dequantized:
            model = utils.dequantize_model(model)
        return untyped("mlx_lm.tuner.utils").load_adapters(model, adapter) if adapter else model

    def _parameter_names(self) -> list[str]:
        flat: list[tuple[str, Any]] = untyped("mlx.utils").tree_flatten(self.model.parameters())
        return [name for name, _ in flat]


def child() -> None:
    # mlx-lm prints on standard output; the protocol keeps the real one for itself.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    served = Served()
    actions = {
        "load": served.load,
        "generate": served.generate,
        "batch": served.batch,
        "train": served.train,
        "losses": served.losses,
        "chat": served.chat,
    }
    for line in sys.stdin:
        command: Json = json.loads(line)
        print(json.dumps(actions[command.pop("do")](**command)), file=answers, flush=True)


if __name__ == "__main__":
    child()
