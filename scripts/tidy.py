"""clang-tidy over all C++ sources, two at a time, remembering what was clean.

A source is looked at again when it, one of the project's headers it reaches, its compile command, .clang-tidy,
the tool or MLX (uv.lock pins it) changed. Needs build/release/compile_commands.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Beside ccache's, so that a fresh clone profits; the keys hold contents, not paths.
REMEMBERED = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlx-hub" / "lint" / "tidy"
)
INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


@cache
def digest_of(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


@cache
def direct_includes(path: Path) -> tuple[Path, ...]:
    names = [name.decode() for name in INCLUDE.findall(path.read_bytes())]
    candidates = [ROOT / name for name in names] + [path.parent / name for name in names]
    return tuple(sorted({candidate.resolve() for candidate in candidates if candidate.is_file()}))


def reached_files(source: Path) -> list[Path]:
    """The source and every header of the project that it reaches."""
    found: set[Path] = set()
    pending = [source]
    while pending:
        path = pending.pop()
        if path not in found:
            found.add(path)
            pending += direct_includes(path)
    return sorted(found)


def key_of(source: Path, command: str, tool: bytes) -> str:
    digest = hashlib.sha256(tool + command.replace(str(ROOT), "").encode())
    for path in reached_files(source):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + digest_of(path))
    return digest.hexdigest()


def tool_identity(clang_tidy: Path) -> bytes:
    version = subprocess.run([clang_tidy, "--version"], capture_output=True, check=True).stdout
    return version + digest_of(ROOT / ".clang-tidy") + locked_mlx()


def locked_mlx() -> bytes:
    """What uv.lock says of the one package in it whose headers the sources include."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    return json.dumps([one for one in packages if one["name"] == "mlx"]).encode()


def run_one(clang_tidy: Path, build: Path, source: Path, key: str) -> tuple[bool, str, float]:
    started = time.monotonic()
    done = subprocess.run(
        # GCC's headers use what they themselves deprecate, which only clang reports.
        [clang_tidy, "-p", build, "--quiet", "--extra-arg=-Wno-deprecated-declarations", source],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        (REMEMBERED / key).touch()
        return True, "", time.monotonic() - started
    text = done.stdout.strip() or done.stderr.strip()
    return False, text, time.monotonic() - started


def jobs() -> int:
    return max(1, min(os.cpu_count() or 1, 8))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--programs", action="store_true", help="only api and core, not tests")
    parser.add_argument("sources", nargs="*", type=Path, help="default: all of api, core and tests")
    options = parser.parse_args()
    build: Path = options.build_dir.resolve()
    database = build / "compile_commands.json"
    if not database.exists():
        print(f"tidy: {database} is missing: run scripts/setup", file=sys.stderr)
        return 1
    clang_tidy = Path(sys.executable).parent / "clang-tidy"
    commands = {
        Path(entry["file"]): str(entry["command"]) for entry in json.loads(database.read_text())
    }
    wanted = {path.resolve() for path in options.sources} or set(commands)
    REMEMBERED.mkdir(parents=True, exist_ok=True)
    tool = tool_identity(clang_tidy)
    keys = {
        path: key_of(path, commands[path], tool)
        for path in sorted(wanted & set(commands))
        if path.exists()
        and not (options.programs and path.is_relative_to(ROOT / "tests"))
        and not path.is_relative_to(build)  # generated sources are not ours to style
    }
    todo = [path for path, key in keys.items() if not (REMEMBERED / key).exists()]
    print(f"clang-tidy: {len(todo)} of {len(keys)} sources changed since they were clean")
    failed = 0

    def look_at(path: Path) -> tuple[Path, bool, str, float]:
        return path, *run_one(clang_tidy, build, path, keys[path])

    with ThreadPoolExecutor(jobs()) as pool:
        for number, (path, clean, text, seconds) in enumerate(pool.map(look_at, todo), 1):
            verdict = "clean" if clean else "FINDINGS"
            print(
                f"  [{number}/{len(todo)}] {path.relative_to(ROOT)}: {verdict} ({seconds:.1f} s)",
                flush=True,
            )
            if not clean:
                failed += 1
                print(text, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
