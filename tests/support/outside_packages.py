"""Programs whose packages are not the project's own: Python's by `uv run --with`, JavaScript's by npm."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
NODE = ROOT / "build/tools/node"
JS_PACKAGE = ROOT / "tests/conformance/openai_js"


def uv() -> str:
    found = shutil.which("uv") or str(ROOT / "build/tools/uv/bin/uv")
    if not Path(found).exists():
        pytest.skip("uv is neither on PATH nor in build/tools: run scripts/setup")
    return found


def wanted() -> None:
    """Skips where packages of hundreds of megabytes were not asked for."""
    if "HUB_TESTS_OUTSIDE" not in os.environ:
        pytest.skip("scripts/test --full installs other projects' packages, or HUB_TESTS_OUTSIDE=1")


def uv_run(packages: list[str]) -> list[str]:
    """The beginning of a command in an environment of these packages; skips where they cannot be installed."""
    wanted()
    command = [uv(), "run", "--no-project", "--python", sys.executable]
    for package in packages:
        command += ["--with", package]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        last = (tried.stderr.strip().splitlines() or ["uv said nothing"])[-1]
        pytest.skip(f"{', '.join(packages)} cannot be installed here: {last}")
    return command


def node_folder() -> Path:
    """A folder whose node_modules has the OpenAI client; skips where npm cannot install it."""
    wanted()
    if not (NODE / "node").exists():
        pytest.skip("Node is not in build/tools: run scripts/setup")
    folder = ROOT / "build/openai_js"
    folder.mkdir(parents=True, exist_ok=True)
    lock = JS_PACKAGE / "package-lock.json"
    installed = folder / "node_modules/.package-lock.json"
    if not installed.exists() or (folder / lock.name).read_text() != lock.read_text():
        for name in ("package.json", lock.name):
            shutil.copy(JS_PACKAGE / name, folder / name)
        made = subprocess.run(
            [NODE / "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=folder,
            env=node_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            pytest.skip(f"npm cannot install the OpenAI client here: {made.stderr.strip()[-300:]}")
    return folder


def node_environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{NODE}:{os.environ['PATH']}"}
