"""Checks the architecture that docs/architecture.md describes: who may include what, and which calls live where.

    uv run python scripts/check_layers.py [ROOT]

Prints `file:line: rule: what is wrong` for every finding and exits with 1 when there is one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What each module's files may include, besides its own. core/CMakeLists.txt links along the same table.
CORE: dict[str, set[str]] = {
    "base": set(),
    "net": {"base"},
    "hf": {"base", "net"},
    "mlflow": {"base", "net"},
    "machine": {"base"},
    "obs": {"base", "net"},
    "db": {"base"},
    "artifacts": {"base"},
    "model_config": {"base"},
    "gguf": {"base", "model_config"},
    "peft": {"base", "model_config"},
    "text": {"base"},
    "tensor": {"base"},
    "kernels": {"base", "tensor"},
    "nn": {"base", "tensor", "kernels"},
    "models": {"base", "tensor", "nn", "model_config"},
    "chat": {"base", "text"},
    "data": {"base", "text"},
    "registry": {"base", "db"},
    "jobs": {"base", "db", "obs"},
    "engine": {"base", "obs", "model_config", "text", "tensor", "nn", "models"},
    "convert": {"base", "model_config", "tensor", "nn", "models"},
    "train": {"base", "obs", "model_config", "data", "text", "tensor", "kernels", "nn", "models"},
    "hub": {
        "base",
        "net",
        "hf",
        "mlflow",
        "machine",
        "obs",
        "db",
        "artifacts",
        "model_config",
        "gguf",
        "peft",
        "text",
        "data",
        "registry",
        "jobs",
    },
}
MLX_FREE_CORE = CORE["hub"] | {"hub"}
WIRE_FORMATS = {"api/openai", "api/anthropic", "api/llama_cpp", "api/ollama"}
API: dict[str, set[str]] = {
    "server": {"base", "obs"},
    "proxy": {"base", "obs", "hub", "api/server"},
    "openai": {"base", "obs", "text", "chat", "engine", "api/server"},
    "anthropic": {"base", "obs", "text", "chat", "engine", "api/server", "api/openai"},
    "llama_cpp": {"base", "obs", "text", "chat", "engine", "api/server", "api/openai"},
    "ollama": {
        "base",
        "obs",
        "text",
        "chat",
        "engine",
        "api/server",
        "api/openai",
        "api/llama_cpp",
    },
    "handlers": MLX_FREE_CORE | {"api/server", "api/proxy"} | WIRE_FORMATS,
    "cli": MLX_FREE_CORE | {"api/server", "api/handlers", "api/proxy"},
    "worker": set(CORE) | {"api/server"} | WIRE_FORMATS,
    "": MLX_FREE_CORE | {"api/server", "api/handlers", "api/proxy", "api/openai", "api/cli"},
}
# Facts of a generation (plain structs without MLX) that the wire formats translate.
ENGINE_HEADERS_FOR_WIRE_FORMATS = {
    "core/engine/embedding.h",
    "core/engine/generation.h",
    "core/engine/token_stream.h",
}

# Modules whose files may see MLX at all.
MLX_MODULES = {
    "core/tensor", "core/kernels", "core/nn", "core/models", "core/engine", "core/train",
    "core/convert", "api/worker",
}  # fmt: skip

# MLX calls whose signature moved between releases: behind core/tensor only.
MOVED_CALLS = (
    "astype",
    "quantized_matmul",
    "gather_qmm",
    "quantize",
    "dequantize",
    "load_safetensors",
    "save_safetensors",
    "fast::scaled_dot_product_attention",
    "fast::rope",
    "fast::rms_norm",
    "fast::layer_norm",
    "fast::cross_entropy",
    "get_active_memory",
    "get_peak_memory",
    "get_cache_memory",
    "reset_peak_memory",
    "set_cache_limit",
    "set_memory_limit",
    "set_wired_limit",
    "clear_cache",
    "metal::device_info",
)
MOVED = re.compile(r"\b(?:mx|mlx::core)::(" + "|".join(map(re.escape, MOVED_CALLS)) + r")\s*\(")

BOOST_MODULES = {"api/server", "api/proxy"}
YAML_FILE = Path("api/cli/yaml_file.cpp")
SQL_MODULES = {"core/db", "core/registry", "core/jobs"}
SQL = re.compile(
    r'"\s*(?:SELECT\s.+\sFROM\s|INSERT\s+(?:OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|CREATE\s+TABLE\s)'
)
VAGUE_NAMES = {"utils", "util", "common", "helpers", "helper", "misc"}
LINE_LIMIT = 400
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


@dataclass(frozen=True)
class Finding:
    path: Path
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


def module_of(path: Path) -> str:
    """'core/engine/scheduler.h' -> 'core/engine'; 'api/main.cpp' -> 'api/'; a test belongs to what it tests."""
    parts = path.parts
    if parts[0] == "core":
        return f"core/{parts[1]}"
    return f"api/{parts[1]}" if len(parts) > 2 else "api/"


def allowed(module: str) -> set[str]:
    """The modules, as 'core/x' and 'api/x', whose headers `module` may include; itself is one."""
    kind, name = module.split("/", 1)
    found = CORE.get(name) if kind == "core" else API.get(name)
    if found is None:
        return {module}
    return {one if "/" in one else f"core/{one}" for one in found} | {module}


def without_comments(line: str) -> str:
    return line.split("//", 1)[0]


def check_include(path: Path, number: int, header: str) -> Iterator[Finding]:
    module = module_of(path)
    if header.startswith(("core/", "api/")):
        target = module_of(Path(header))
        wire_format = module in {"api/openai", "api/anthropic"} and target == "core/engine"
        if wire_format and header not in ENGINE_HEADERS_FOR_WIRE_FORMATS:
            yield Finding(
                path, number, "layers", f"{module} sees of core/engine only plain structs"
            )
        elif target not in allowed(module):
            yield Finding(path, number, "layers", f"{module} may not include {header}")
    elif header.startswith("mlx/"):
        if module not in MLX_MODULES:
            yield Finding(path, number, "mlx", f"{module} must not know MLX ({header})")
    elif header.startswith("boost/"):
        if module not in BOOST_MODULES:
            yield Finding(
                path, number, "http", f"Boost belongs in api/server and api/proxy ({header})"
            )
    elif header.startswith("yaml-cpp/"):
        if path != YAML_FILE:
            yield Finding(path, number, "yaml", f"YAML belongs in {YAML_FILE} ({header})")
    elif header.startswith(("SQLiteCpp/", "sqlite3")):
        if module not in SQL_MODULES:
            yield Finding(
                path, number, "sql", f"SQLite belongs in core/db, registry and jobs ({header})"
            )
    elif header == "nlohmann/json.hpp" and path.suffix == ".h":
        yield Finding(
            path, number, "json", "headers include core/base/json.h, not nlohmann/json.hpp"
        )


def check_source(root: Path, path: Path) -> Iterator[Finding]:
    relative = path.relative_to(root)
    module = module_of(relative)
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) >= LINE_LIMIT:
        yield Finding(
            relative, LINE_LIMIT, "size", f"{len(lines)} lines; a file stays under {LINE_LIMIT}"
        )
    if relative.stem in VAGUE_NAMES or VAGUE_NAMES & set(relative.parts):
        yield Finding(
            relative, 1, "names", "a file or folder is named after a noun, not utils or common"
        )
    for number, line in enumerate(lines, 1):
        if include := INCLUDE.match(line):
            yield from check_include(relative, number, include.group(1))
            continue
        code = without_comments(line)
        if module != "core/tensor" and (call := MOVED.search(code)):
            text = f"mx::{call.group(1)} moved between MLX releases: call it through core/tensor"
            yield Finding(relative, number, "moved-call", text)
        if module not in SQL_MODULES and SQL.search(code):
            yield Finding(
                relative, number, "sql", f"{module} holds SQL; it belongs in db, registry, jobs"
            )


def check_modules(root: Path) -> Iterator[Finding]:
    """Every folder of core and api is in the tables, and CMake links along them."""
    for kind, table in (("core", CORE), ("api", API)):
        folder = root / kind
        if not folder.is_dir():
            continue
        for child in sorted(folder.iterdir()):
            if not child.is_dir() or child.name in table:
                continue
            if any(child.rglob("*.h")) or any(child.rglob("*.cpp")):
                text = "no entry in scripts/check_layers.py"
                yield Finding(child.relative_to(root), 1, "layers", text)
    cmake = root / "core" / "CMakeLists.txt"
    if not cmake.exists():
        return
    for number, line in enumerate(cmake.read_text(encoding="utf-8").splitlines(), 1):
        if call := re.match(r"hub_module\((\w+)(?:.*?\bDEPS\b([\w\s]*?)(?:\bLIBS\b.*)?\))?", line):
            linked = set((call.group(2) or "").split())
            for name in sorted(linked - CORE.get(call.group(1), set())):
                text = f"hub_{call.group(1)} links {name}, which the table does not allow"
                yield Finding(Path("core/CMakeLists.txt"), number, "layers", text)


def check(root: Path) -> list[Finding]:
    findings: list[Finding] = []
    for kind in ("core", "api"):
        for path in sorted((root / kind).rglob("*")):
            if path.suffix in {".h", ".cpp"} and "target" not in path.parts:
                findings += check_source(root, path)
    findings += check_modules(root)
    return findings


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    findings = check(root)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
