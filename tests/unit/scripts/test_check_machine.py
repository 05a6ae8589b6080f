"""A wrong architecture is refused by name."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import check_machine
import pytest

X86_ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00" + b"\x3e\x00"
ARM_ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00" + b"\xb7\x00"
X86_MACHO = (0xFEEDFACF).to_bytes(4, "little") + (0x01000007).to_bytes(4, "little")
UNIVERSAL = (
    (0xCAFEBABE).to_bytes(4, "big")
    + (2).to_bytes(4, "big")
    + (0x01000007).to_bytes(4, "big")
    + bytes(16)
    + (0x0100000C).to_bytes(4, "big")
    + bytes(16)
)


@pytest.mark.parametrize(
    ("content", "machines"),
    [
        (X86_ELF, {"x86_64"}),
        (ARM_ELF, {"arm64"}),
        (X86_MACHO, {"x86_64"}),
        (UNIVERSAL, {"x86_64", "arm64"}),
        (b"#!/bin/sh\n", set[str]()),
    ],
)
def test_architecture_of_a_program(tmp_path: Path, content: bytes, machines: set[str]) -> None:
    program = tmp_path / "program"
    program.write_bytes(content)
    assert check_machine.binary_machines(program) == machines


def test_an_x86_uv_on_apple_silicon_is_refused(tmp_path: Path) -> None:
    uv = tmp_path / "uv"
    uv.write_bytes(X86_MACHO)
    (problem,) = check_machine.check_program("uv", uv, "arm64")
    assert "uv" in problem
    assert "x86_64" in problem
    assert "arm64" in problem
    assert check_machine.check_program("uv", uv, "x86_64") == []


def write_wheel(environment: Path, name: str, *tags: str) -> None:
    folder = environment / "lib" / "python3.11" / "site-packages" / f"{name}.dist-info"
    folder.mkdir(parents=True)
    lines = ["Wheel-Version: 1.0", *(f"Tag: {tag}" for tag in tags)]
    (folder / "WHEEL").write_text("\n".join(lines))


def test_an_x86_wheel_on_arm64_is_refused(tmp_path: Path) -> None:
    write_wheel(tmp_path, "mlx-0.32.4", "cp311-cp311-macosx_14_0_x86_64")
    write_wheel(tmp_path, "rich-14.0", "py3-none-any")
    write_wheel(tmp_path, "ruff-1.0", "py3-none-macosx_11_0_x86_64", "py3-none-macosx_11_0_arm64")
    (problem,) = check_machine.check_wheels(tmp_path, "arm64")
    assert "mlx-0.32.4" in problem
    assert "x86_64" in problem


def test_a_python_under_rosetta_is_refused() -> None:
    other = "arm64" if check_machine.canonical(platform.machine()) == "x86_64" else "x86_64"
    (problem,) = check_machine.problems(other, None, None)
    assert sys.executable in problem


def test_this_machine_passes() -> None:
    environment = Path(sys.prefix)
    assert check_machine.problems(check_machine.hardware(), None, environment) == []
