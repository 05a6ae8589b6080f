"""Options and facts that all Python tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    default = os.environ.get("MLX_HUB_BUILD", "build/release")
    parser.addoption("--build-dir", default=default, help="where the C++ programs are")


@pytest.fixture(scope="session")
def build_dir(pytestconfig: pytest.Config) -> Path:
    return ROOT / str(pytestconfig.getoption("--build-dir"))
