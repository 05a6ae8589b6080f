"""Other servers of the same model, for benchmarks over HTTP: llama.cpp's and mlx-lm's.

    uv run python scripts/serving_peers.py     # builds llama-server, about 10 minutes on two cores

llama-server is built with the machine's own instructions from the source package of llama-cpp-python and kept in the
cache folder. Both servers listen on loopback alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import httpx
from mlx_lm_peer import openblas_library
from package_files import PrepareError, cache_folder, find_uv, unpacked
from prepare_model import GGUF_FILE, PACKAGE
from training_job import free_port

SOURCE = ("llama-cpp-python", "0.3.36")
START_TIMEOUT = 120.0
BUILD_OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DGGML_NATIVE=ON",
    "-DLLAMA_CURL=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_SERVER=ON",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
)


def llama_server() -> Path:
    """The program, which is built first where it is not there."""
    folder = cache_folder() / "peers" / f"{SOURCE[0]}-{SOURCE[1]}"
    program = folder / "build" / "bin" / "llama-server"
    if program.exists():
        return program
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(
            [
                *(find_uv(), "tool", "run", "pip", "download", "--quiet", "--no-deps"),
                *("--no-binary", SOURCE[0], f"{SOURCE[0]}=={SOURCE[1]}", "--dest", name),
            ],
            check=True,
        )
        (archive,) = Path(name).glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
    (source,) = folder.glob("*/vendor/llama.cpp")
    build = folder / "build"
    subprocess.run(["cmake", "-G", "Ninja", "-S", source, "-B", build, *BUILD_OPTIONS], check=True)
    subprocess.run(["cmake", "--build", build, "-j", "2", "--target", "llama-server"], check=True)
    return program


@contextlib.contextmanager
def _serving(
    command: list[str], url: str, environment: dict[str, str] | None = None
) -> Generator[str]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **(environment or {})}
        )
        try:
            deadline = time.monotonic() + START_TIMEOUT
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if httpx.get(f"{url}/health").is_success:
                        break
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    said = log.read()[-1000:].decode(errors="replace")
                    raise PrepareError(f"{command[0]} did not start: {said}")
                time.sleep(0.1)
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def llama_cpp(streams: int, threads: int) -> Generator[str]:
    """llama-server with the default model's own GGUF file and as many slots as streams."""
    port = free_port()
    with unpacked(PACKAGE) as package:
        command = [str(llama_server()), "-m", str(package / GGUF_FILE), "-t", str(threads)]
        command += ["-np", str(streams), "-c", str(1024 * max(streams, 8)), "--port", str(port)]
        with _serving([*command, "--host", "127.0.0.1"], f"http://127.0.0.1:{port}") as url:
            yield url


@contextlib.contextmanager
def mlx_lm(model: Path, preload_openblas: bool) -> Generator[str]:
    """mlx_lm.server, with OpenBLAS ahead of the wheel's reference BLAS or as installed."""
    port = free_port()
    command = [sys.executable, "-m", "mlx_lm", "server", "--model", str(model)]
    environment = {"LD_PRELOAD": openblas_library()} if preload_openblas else {}
    with _serving([*command, "--port", str(port)], f"http://127.0.0.1:{port}", environment) as url:
        yield url


if __name__ == "__main__":
    print(llama_server())
