"""Each rule of scripts/check_layers.py is tripped in a small tree, and a clean tree passes."""

from __future__ import annotations

from pathlib import Path

import check_layers
import pytest

ROOT = Path(__file__).resolve().parents[3]


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def rules(root: Path) -> list[str]:
    return [finding.rule for finding in check_layers.check(root)]


def test_a_clean_tree_passes(tmp_path: Path) -> None:
    write(tmp_path, "core/base/error.h", "#pragma once\n#include <string>\n")
    write(tmp_path, "core/base/json.h", "#include <nlohmann/json_fwd.hpp>\n")
    write(tmp_path, "core/engine/engine.cpp", '#include "core/models/llama.h"\n// mx::astype(x)\n')
    write(tmp_path, "core/tensor/ops.cpp", "#include <mlx/ops.h>\nauto y = mx::astype(x, t);\n")
    write(
        tmp_path, "core/db/pool.cpp", '#include <SQLiteCpp/Database.h>\nq("SELECT id FROM jobs");\n'
    )
    write(
        tmp_path,
        "api/server/server.cpp",
        "#include <boost/asio.hpp>\n#include <nlohmann/json.hpp>\n",
    )
    write(tmp_path, "api/openai/chat.cpp", '#include "core/engine/generation.h"\n')
    write(tmp_path, "core/CMakeLists.txt", "hub_module(net DEPS base LIBS CURL::libcurl)\n")
    assert rules(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("core/base/error.cpp", '#include "core/text/tokenizer.h"\n', "layers"),
        ("core/engine/engine.h", '#include "core/registry/models.h"\n', "layers"),
        ("core/hub/hub.cpp", '#include "core/models/llama.h"\n', "layers"),
        ("api/handlers/chat.cpp", '#include "core/engine/engine.h"\n', "layers"),
        ("api/openai/chat.cpp", '#include "core/engine/engine.h"\n', "layers"),
        ("core/unheard_of/thing.h", "#pragma once\n", "layers"),
        ("core/CMakeLists.txt", "hub_module(data DEPS base text tensor)\n", "layers"),
        ("core/registry/models.cpp", "#include <mlx/array.h>\n", "mlx"),
        ("api/main.cpp", "#include <mlx/mlx.h>\n", "mlx"),
        ("core/net/client.cpp", "#include <boost/asio.hpp>\n", "http"),
        ("api/handlers/jobs.cpp", "#include <SQLiteCpp/Database.h>\n", "sql"),
        ("api/cli/train.cpp", "#include <yaml-cpp/yaml.h>\n", "yaml"),
        ("core/hub/pool.cpp", 'run("UPDATE jobs SET state = 1");\n', "sql"),
        ("api/cli/models.cpp", 'run("SELECT name FROM models");\n', "sql"),
        ("core/text/template.h", "#include <nlohmann/json.hpp>\n", "json"),
        ("core/base/big.cpp", "int a;\n" * 400, "size"),
        ("core/base/utils.h", "#pragma once\n", "names"),
    ],
)
def test_each_rule_trips(tmp_path: Path, name: str, text: str, rule: str) -> None:
    write(tmp_path, name, text)
    assert rules(tmp_path) == [rule]


@pytest.mark.parametrize("call", check_layers.MOVED_CALLS)
def test_moved_calls_are_named_in_core_tensor_only(tmp_path: Path, call: str) -> None:
    write(tmp_path, "core/nn/linear.cpp", f"auto y = mx::{call}(x);\n")
    write(tmp_path, "core/tensor/ops.cpp", f"auto y = mx::{call}(x);\n")
    (finding,) = check_layers.check(tmp_path)
    assert (finding.path, finding.line, finding.rule) == (
        Path("core/nn/linear.cpp"),
        1,
        "moved-call",
    )


def test_the_tables_have_no_cycle() -> None:
    def reach(module: str, seen: tuple[str, ...]) -> None:
        assert module not in seen, f"cycle through {module}"
        for below in check_layers.CORE[module]:
            reach(below, (*seen, module))

    for module in check_layers.CORE:
        reach(module, ())


def test_this_tree_passes() -> None:
    assert [str(finding) for finding in check_layers.check(ROOT)] == []
