"""What makes scripts/tidy.py look at a source again."""

from __future__ import annotations

from pathlib import Path

import pytest
import tidy


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tidy, "ROOT", tmp_path)
    folder = tmp_path / "core" / "a"
    folder.mkdir(parents=True)
    (folder / "a.cpp").write_text('#include "core/a/a.h"\n')
    (folder / "a.h").write_text('#include "core/a/deep.h"\n')
    (folder / "deep.h").write_text("int a;\n")
    (folder / "other.h").write_text("int b;\n")
    return folder


def key(tree: Path, command: str = "g++", tool: bytes = b"1") -> str:
    tidy.digest_of.cache_clear()
    tidy.direct_includes.cache_clear()
    return tidy.key_of(tree / "a.cpp", command, tool)


def test_a_header_that_is_reached_counts(tree: Path) -> None:
    before = key(tree)
    assert key(tree) == before
    (tree / "deep.h").write_text("long a;\n")
    assert key(tree) != before


def test_a_header_that_is_not_reached_does_not(tree: Path) -> None:
    before = key(tree)
    (tree / "other.h").write_text("long b;\n")
    assert key(tree) == before


def test_command_and_tool_count(tree: Path) -> None:
    assert len({key(tree), key(tree, command="g++ -O2"), key(tree, tool=b"2")}) == 3


def test_of_the_locked_packages_only_mlx_counts(tree: Path) -> None:
    def locked(mlx: str, pytest: str) -> bytes:
        (tree.parent.parent / "uv.lock").write_text(
            f'[[package]]\nname = "mlx"\nversion = "{mlx}"\n'
            f'[[package]]\nname = "pytest"\nversion = "{pytest}"\n'
        )
        return tidy.locked_mlx()

    before = locked("1", "1")
    assert locked("1", "2") == before
    assert locked("2", "1") != before
