"""scripts/verify_plan: what the plan says of environment, sources and quality (task 1, sections 3, 4, 6, 7)."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from hub_client import ROOT, Json
from plan_report import Row
from plan_setting import CannotCheckError, Setting, expect

UNIT_TESTS = "uv run pytest tests/unit -v"
PROFILE = "uv run python scripts/profile_mlx.py --model 8b --batch 4"
FOLDERS = ("api", "core", "web", "scripts", "tests", "infra")
MINIMUM_COVERAGE = 80.0


def last_line(output: str) -> str:
    return output.strip().splitlines()[-1].strip("= ")


def pyproject() -> Json:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def unit_tests(setting: Setting) -> str:
    line = last_line(setting.shell(UNIT_TESTS, timeout=1800))
    found = re.search(r"(\d+) passed", line)
    expect(found is not None and int(found[1]) > 0, f"no test passed: {line}")
    return line


def collects(setting: Setting) -> str:
    line = last_line(setting.shell("uv run pytest --collect-only -q", timeout=600))
    found = re.search(r"(\d+) tests? collected", line)
    expect(found is not None and int(found[1]) > 0, f"nothing was collected: {line}")
    return f"{line}; that they pass is row S6.1"


def imports_mlx(setting: Setting) -> str:
    return setting.shell(
        """uv run python -c 'import mlx, mlx.core as mx; print("mlx", mx.__version__, mx.default_device())'"""
    ).strip()


def folders(_: Setting) -> str:
    missing = [name for name in FOLDERS if not (ROOT / name).is_dir()]
    expect(not missing, f"missing: {', '.join(missing)}")
    return ", ".join(f"/{name}" for name in FOLDERS)


def strict_types(_: Setting) -> str:
    mode = pyproject()["tool"]["pyright"]["typeCheckingMode"]
    expect(mode == "strict", f"pyproject.toml says typeCheckingMode = {mode!r}")
    return "Pyright, typeCheckingMode strict"


def lint_hooks(setting: Setting) -> str:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    expect("ruff check" in hooks, ".pre-commit-config.yaml runs no ruff check")
    expect((ROOT / ".ci" / "run").exists(), "there is no .ci/run")
    setting.shell("uv run ruff check && uv run ruff format --check")
    return "pre-commit has Ruff, CI runs scripts/lint, and Ruff finds nothing"


def architecture(setting: Setting) -> str:
    setting.shell("uv run python scripts/check_machine.py --environment .venv")
    return "wheels and Python are this machine's"


def lock_files(setting: Setting) -> str:
    setting.shell("uv lock --check")
    expect((ROOT / "core/text/rust/Cargo.lock").exists(), "Cargo.lock is missing")
    return "uv.lock fits pyproject.toml; Cargo.lock is there"


def pinned_mlx(setting: Setting) -> str:
    pins = [one for one in pyproject()["project"]["dependencies"] if re.match(r"mlx==[\d.]+$", one)]
    expect(bool(pins), "mlx is not pinned in pyproject.toml")
    setting.shell("uv run python scripts/check_layers.py")
    return (
        f"{pins[0]}; MLX calls that move between releases are in core/tensor only (check_layers.py)"
    )


def profile(setting: Setting) -> str:
    output = setting.shell(PROFILE, timeout=1800)
    found = re.search(r"peak of all arrays +.*", output)
    expect(found is not None, f"no peak in the output: {last_line(output)}")
    expect("MORE THAN" not in output, f"the estimate is off by more than it may: {output[-500:]}")
    return " ".join(found[0].split()) if found else ""


def gradient_step(setting: Setting) -> str:
    line = last_line(
        setting.shell("uv run pytest tests/unit/train -q -k OneStepLowersTheLossOfItsBatch")
    )
    expect("1 passed" in line, line)
    return f"TrainerTest.OneStepLowersTheLossOfItsBatch: {line}"


def type_coverage(setting: Setting) -> str:
    line = last_line(setting.shell("uv run pyright", timeout=600))
    expect(line.startswith("0 errors"), line)
    return f"{line} (strict: an untyped name is an error; C++ has types by nature)"


def newest_source() -> float:
    files = [
        file
        for folder in ("api", "core", "tests/unit")
        for file in (ROOT / folder).rglob("*")
        if file.suffix in {".cpp", ".h"}
    ]
    return max(file.stat().st_mtime for file in files)


def line_coverage(report: Path, newest: float) -> float:
    """Percent. Raises CannotCheckError for a report that is not of the sources as they are."""
    if not report.exists() or report.stat().st_mtime < newest:
        raise CannotCheckError(
            "no report of scripts/coverage is as new as the sources: run it (scripts/test --full does)"
        )
    return float(json.loads(report.read_text())["line_percent"])


def coverage(_: Setting) -> str:
    reports = [ROOT / "build" / preset / "coverage.json" for preset in ("coverage", "asan")]
    there = [report for report in reports if report.exists()]
    newest = max(there, key=lambda file: file.stat().st_mtime, default=reports[0])
    percent = line_coverage(newest, newest_source())
    expect(percent > MINIMUM_COVERAGE, f"{percent:.1f} % of lines")
    return f"{percent:.1f} % of the lines of api/ and core/"


ROWS = (
    Row(
        "T1.V",
        "Validation: 'uv run pytest' executes with 0 tests found (of the scaffold; now: collects and runs)",
        "uv run pytest --collect-only -q",
        collects,
    ),
    Row(
        "T1.A.1",
        "Acceptance: environment active, 'import mlx' succeeds",
        "uv run python -c 'import mlx'",
        imports_mlx,
    ),
    Row(
        "T1.A.2",
        "Acceptance: directory structure verified",
        "the plan's six folders are there",
        folders,
    ),
    Row(
        "T1.S.2",
        "pyproject.toml with strict type checking",
        "typeCheckingMode in pyproject.toml",
        strict_types,
    ),
    Row(
        "T1.S.4",
        "CI/CD hooks for linting (Ruff)",
        "the hooks, .ci/run, uv run ruff check",
        lint_hooks,
    ),
    Row(
        "T1.F",
        "Failure mode: architecture mismatch",
        "scripts/check_machine.py",
        architecture,
    ),
    Row(
        "S3.R.1",
        "Reproducibility: lockfiles (uv.lock)",
        "uv lock --check",
        lock_files,
    ),
    Row(
        "S4.3",
        "Risk: MLX API instability; version-pinned dependencies and abstraction layers",
        "the pin in pyproject.toml, scripts/check_layers.py",
        pinned_mlx,
    ),
    Row(
        "T5.V",
        "Validation: unit test for single-step gradient update",
        "uv run pytest tests/unit/train -k OneStepLowersTheLossOfItsBatch",
        gradient_step,
    ),
    Row(
        "S6.1",
        "Verify environment and run core tests",
        UNIT_TESTS,
        unit_tests,
    ),
    Row(
        "S6.3",
        "Profile MLX memory usage during dummy training",
        PROFILE,
        profile,
    ),
    Row(
        "S7.5.1",
        "Code quality: 100 % type coverage",
        "uv run pyright (strict)",
        type_coverage,
    ),
    Row(
        "S7.5.2",
        "Code quality: > 80 % test coverage",
        "the last report of scripts/coverage, if it is of this tree",
        coverage,
    ),
)
