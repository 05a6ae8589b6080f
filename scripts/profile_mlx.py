"""Memory and time of a dummy training step (QLoRA) of a model of a given size: estimated, and measured.

    uv run python scripts/profile_mlx.py --model 8b --batch 4
    uv run python scripts/profile_mlx.py --model all --estimate-only

The estimate is the hub's own, by which it decides whether a job may start. What does not fit into the memory that the
hub would use here is refused; --memory names another machine's. Measured is the hub's own trainer on random 4-bit
models of the true width and vocabulary: with 1 and with 3 layers, from which the whole model is extrapolated, since
every layer adds the same; and the whole model where that takes less than a minute, on a GPU, and with --whole. The
output says which is which. A chart is written as an SVG file.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import mlx.core as mx
from hub_client import ROOT, Json
from machine_facts import is_busy
from machine_memory import available_bytes, total_bytes
from memory_chart import Bar, write_chart
from random_model import GROUP, SHAPES, Shape
from training_memory import FEW, LABELS, MANY, Profiler, Training, extrapolated

BUDGET_SHARE = 0.75  # of memory, as the hub's memory_fraction
WANTED_WITHIN = 0.15
WHOLE_SECONDS = 60.0  # a whole model's steps that are measured without being asked for


class DoesNotFitError(Exception):
    """Says which memory, how much there is, and what would fit."""


@dataclass(frozen=True)
class Limit:
    """The memory that a training may take."""

    bytes: int
    what: str


def has_gpu() -> bool:
    return mx.default_device() == mx.Device(mx.DeviceType.gpu)


def limit_of(memory_gb: float | None) -> Limit:
    if memory_gb is not None:
        return Limit(int(memory_gb * 1e9), f"--memory allows {memory_gb:g} GB")
    total, whose = total_bytes()
    budget = int(total * BUDGET_SHARE)
    return Limit(
        budget,
        f"of this machine's {total / 1e9:.1f} GB of {whose} the hub uses {BUDGET_SHARE:.0%}, {budget / 1e9:.1f} GB",
    )


def what_fits(profiler: Profiler, name: str, training: Training, limit: Limit) -> list[str]:
    """Other batches of this size, and other sizes with this batch."""
    fitting: list[str] = []
    batch = training.batch // 2
    while batch >= 1:
        smaller = replace(training, batch=batch)
        if profiler.estimate(SHAPES[name], smaller)["process_bytes"] <= limit.bytes:
            fitting.append(f"{name} with --batch {batch}")
            break
        batch //= 2
    others = [
        other
        for other, shape in SHAPES.items()
        if other != name and profiler.estimate(shape, training)["process_bytes"] <= limit.bytes
    ]
    if others:
        fitting.append(f"with --batch {training.batch}: {', '.join(others)}")
    return fitting


def check_fits(
    profiler: Profiler, name: str, training: Training, estimate: Json, limit: Limit
) -> None:
    if estimate["process_bytes"] <= limit.bytes:
        return
    fitting = what_fits(profiler, name, training, limit) or ["nothing of these sizes"]
    raise DoesNotFitError(
        f"{name} with --batch {training.batch} does not fit: its trainer would take "
        f"{estimate['process_bytes'] / 1e9:.1f} GB, and {limit.what}. What would fit: {'; '.join(fitting)}. "
        "Another machine's memory: --memory GB; the estimate alone: --estimate-only"
    )


def check_room(profiler: Profiler, shape: Shape, training: Training) -> None:
    """What is run here needs memory and disk here and now, whatever --memory says."""
    estimate = profiler.estimate(shape, training)
    free = available_bytes()
    if free is not None and estimate["process_bytes"] > free:
        raise DoesNotFitError(
            f"the run with {shape.layers} layers takes {estimate['process_bytes'] / 1e9:.1f} GB, and "
            f"{free / 1e9:.1f} GB of memory are free here now"
        )
    disk = shutil.disk_usage(profiler.folder).free
    if estimate["weights"] * 1.1 > disk:
        raise DoesNotFitError(
            f"its random weights take {estimate['weights'] / 1e9:.1f} GB on disk, and {profiler.folder.parent} has "
            f"{disk / 1e9:.1f} GB free (TMPDIR names another folder)"
        )


def measure(profiler: Profiler, shape: Shape, training: Training, whole: bool) -> Json:
    """The runs with few layers, what they say of the whole model, and the whole model where it is run."""
    runs: Json = {}
    estimates: Json = {}
    for layers in (FEW, MANY):
        small = replace(shape, layers=layers)
        check_room(profiler, small, training)
        estimates[str(layers)] = profiler.estimate(small, training)
        runs[str(layers)] = profiler.run(small, training)
    result: Json = {"measured": runs, "estimates": estimates}
    result["extrapolated"] = extrapolated(runs[str(FEW)], runs[str(MANY)], shape.layers)
    seconds = result["extrapolated"]["step_seconds"] * training.steps
    if whole or has_gpu() or seconds <= WHOLE_SECONDS:
        check_room(profiler, shape, training)
        runs["whole"] = profiler.run(shape, training)
    return result


def difference(estimate: float, measured: float) -> str:
    return f"{(estimate / measured - 1) * 100:+.1f} %" if measured > 0 else ""


def gigabytes(size: float | None) -> str:
    return "" if size is None else f"{size / 1e9:.3f}"


def show_estimate(estimate: Json) -> None:
    for part, label in LABELS.items():
        if estimate[part] or part != "ahead":
            print(f"  {label:48} {gigabytes(estimate[part]):>9} GB")
    print(f"  {'peak of all arrays':48} {gigabytes(estimate['array_bytes']):>9} GB")
    update = estimate["gradients"] + estimate["updated"]
    print(f"    (at the update instead: gradients and new values, {gigabytes(update)} GB)")
    print(f"  {'process':48} {gigabytes(estimate['process_bytes']):>9} GB")


def show(result: Json, layers: int) -> None:
    estimate, guess = result["estimate"], result["extrapolated"]
    whole = result["measured"].get("whole")
    titles = ["estimate", f"extrapolated to {layers}", *(["measured whole"] if whole else [])]
    print(f"  {'GB':48} " + " ".join(f"{title:>18}" for title in titles) + "   estimate is off by")
    rows = {
        **LABELS,
        "gradients": "gradients (apart from the peak: at the update)",
        "array_bytes": "peak of all arrays",
        "cache_bytes": "kept for reuse beside them",
        "process_bytes": "process",
    }
    for key, label in rows.items():
        found = [guess.get(key), *([whole.get(key)] if whole else [])]
        if not estimate.get(key) and not any(found):
            continue
        best = next((value for value in reversed(found) if value is not None), 0)
        off = difference(estimate[key], best) if key in estimate else ""
        cells = [gigabytes(value) for value in (estimate.get(key), *found)]
        print(f"  {label:48} " + " ".join(f"{cell:>18}" for cell in cells) + f"   {off}")
    seconds = ["", f"{guess['step_seconds']:.2f}"]
    seconds += [f"{whole['step_seconds']:.2f}"] if whole else []
    print(f"  {'seconds of a step':48} " + " ".join(f"{cell:>18}" for cell in seconds))


def show_checks(result: Json) -> None:
    """The estimate against every peak that was measured."""
    print("  estimate against measured peaks of all arrays:")
    for name, check in result["checks"].items():
        mark = (
            "" if abs(check["ratio"] - 1) <= WANTED_WITHIN else f"  MORE THAN {WANTED_WITHIN:.0%}"
        )
        layers = "whole model" if name == "whole" else f"{name} layers"
        print(
            f"    {layers:12} {gigabytes(check['estimate']):>9} GB for {gigabytes(check['measured']):>9} GB, "
            f"{difference(check['estimate'], check['measured'])}{mark}"
        )


def checks_of(result: Json) -> Json:
    checks: Json = {}
    for name, run in result["measured"].items():
        estimate = result["estimate"] if name == "whole" else result["estimates"][name]
        checks[name] = {
            "estimate": estimate["array_bytes"],
            "measured": run["array_bytes"],
            "ratio": estimate["array_bytes"] / run["array_bytes"],
        }
    return checks


def bars_of(name: str, result: Json) -> list[Bar]:
    def parts(memory: Json) -> dict[str, int]:
        return {label: memory[key] for key, label in LABELS.items() if memory.get(key)}

    bars = [Bar(f"{name} estimate", parts(result["estimate"]), estimated=True)]
    if "extrapolated" in result:
        bars.append(Bar(f"{name} extrapolated", parts(result["extrapolated"]), estimated=True))
    whole = result.get("measured", {}).get("whole")
    if whole:
        rest = whole["array_bytes"] - sum(whole[key] for key in ("weights", "trained", "optimizer"))
        bars.append(Bar(f"{name} measured", {**parts(whole), "activations, logits, loss": rest}))
    return bars


def profile(profiler: Profiler, name: str, options: argparse.Namespace, limit: Limit) -> Json:
    shape = SHAPES[name]
    training = Training(options.batch, options.length, options.rank, options.steps)
    print(
        f"{name}: {shape.layers} layers, width {shape.hidden}, vocabulary {shape.vocabulary}, 4 bit, group {GROUP}; "
        f"LoRA rank {training.rank} on all linears; batch {training.batch} of {training.length} tokens",
        flush=True,
    )
    estimate = profiler.estimate(shape, training)
    result: Json = {
        "model": name,
        "layers": shape.layers,
        "batch": training.batch,
        "length": training.length,
        "rank": training.rank,
        "device": "GPU" if estimate["gpu"] else "CPU",
        "estimate": estimate,
        "limit_bytes": limit.bytes,
        "fits": estimate["process_bytes"] <= limit.bytes,
    }
    if options.estimate_only:
        show_estimate(estimate)
        print(f"  {'fits' if result['fits'] else 'does not fit'}: {limit.what}")
        return result
    if not result["fits"]:
        show_estimate(estimate)
        check_fits(profiler, name, training, estimate, limit)
    result |= measure(profiler, shape, training, options.whole)
    result["busy_machine"] = is_busy()
    result["checks"] = checks_of(result)
    show(result, shape.layers)
    show_checks(result)
    if "whole" not in result["measured"]:
        print(f"  Only {FEW} and {MANY} layers were run; of the whole model nothing is measured.")
    if result["busy_machine"]:
        print("  Other programs are busy here: the seconds are upper bounds.")
    return result


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=[*SHAPES, "all"], default="8b")
    parser.add_argument("--batch", type=int, default=4, help="rows of a step")
    parser.add_argument("--length", type=int, default=64, help="tokens of a row")
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--whole", action="store_true", help="measure all layers, also on a CPU")
    parser.add_argument("--estimate-only", action="store_true", help="measure nothing")
    parser.add_argument("--memory", type=float, metavar="GB", help="that a training may take")
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--json", type=Path, help="also writes the figures there")
    parser.add_argument("--plot", type=Path, help="the SVG file; default: in build/profile/")
    options = parser.parse_args()
    for name, least in (("batch", 1), ("length", 8), ("rank", 1), ("steps", 1)):
        if getattr(options, name) < least:
            parser.error(f"--{name} must be at least {least}, got {getattr(options, name)}")
    if options.memory is not None and options.memory <= 0:
        parser.error(f"--memory must be above 0 GB, got {options.memory:g}")
    return options


def main() -> int:
    options = parse_options()
    worker = options.build_dir.resolve() / "mlx-hub-worker"
    if not worker.exists():
        print(f"profile_mlx: {worker} is missing: run scripts/setup", file=sys.stderr)
        return 1
    limit = limit_of(options.memory)
    half = mx.bfloat16 if has_gpu() else mx.float16
    results: list[Json] = []
    refused: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mlx-hub-profile-") as folder:
        profiler = Profiler(
            worker, Path(folder), half, say=lambda line: print(f"  {line}", flush=True)
        )
        for name in SHAPES if options.model == "all" else [options.model]:
            try:
                results.append(profile(profiler, name, options, limit))
            except (DoesNotFitError, RuntimeError, OSError) as error:
                print(f"profile_mlx: {error}", file=sys.stderr)
                refused.append(name)
    if results:
        plot = options.plot or ROOT / "build" / "profile" / f"{options.model}-{options.batch}.svg"
        bars = [bar for result in results for bar in bars_of(result["model"], result)]
        write_chart(
            plot, f"Training memory, batch {options.batch} of {options.length} tokens", bars
        )
        print(f"Chart: {plot}")
        if options.json:
            options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
