"""Refuses a wrong architecture by name, before it turns into a puzzling failure later.

Run by scripts/setup with any Python from 3.9 on: first with --uv, then with --environment for wheels.
A Mac with Apple silicon runs x86 programs under Rosetta, and uv then installs x86 wheels, which hold no
Metal code; the same mix-up is possible on Linux with emulation.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from pathlib import Path

SAME = {"amd64": "x86_64", "aarch64": "arm64"}
ELF_MACHINES = {62: "x86_64", 183: "arm64"}
MACHO_TYPES = {0x01000007: "x86_64", 0x0100000C: "arm64"}
MACHO_64 = 0xFEEDFACF
MACHO_FAT = 0xCAFEBABE


def canonical(machine: str) -> str:
    return SAME.get(machine.lower(), machine.lower())


def hardware() -> str:
    """The processor itself: under Rosetta `uname -m` says x86_64, the kernel's own entry does not."""
    if sys.platform == "darwin":
        answer = subprocess.run(
            ["sysctl", "-n", "hw.optional.arm64"], capture_output=True, text=True, check=False
        )
        if answer.stdout.strip() == "1":
            return "arm64"
    return canonical(platform.machine())


def binary_machines(path: Path) -> set[str]:
    """The architectures in an ELF or Mach-O file (a universal one has several); empty for others."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head[:4] == b"\x7fELF":
        machine = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
        return {ELF_MACHINES.get(machine, f"ELF machine {machine}")}
    if int.from_bytes(head[:4], "little") == MACHO_64:
        kind = int.from_bytes(head[4:8], "little")
        return {MACHO_TYPES.get(kind, f"Mach-O type {kind:#x}")}
    if int.from_bytes(head[:4], "big") == MACHO_FAT:
        count = min(int.from_bytes(head[4:8], "big"), 16)
        kinds = [int.from_bytes(head[8 + 20 * i : 12 + 20 * i], "big") for i in range(count)]
        return {MACHO_TYPES.get(kind, f"Mach-O type {kind:#x}") for kind in kinds}
    return set()


def wheel_machine(tag: str) -> str | None:
    """'cp311-cp311-macosx_14_0_x86_64' -> 'x86_64'; None for wheels that fit every machine."""
    for machine in ("x86_64", "aarch64", "arm64", "amd64"):
        if tag.endswith("_" + machine):
            return canonical(machine)
    return None


def check_program(what: str, path: Path, machine: str) -> list[str]:
    found = binary_machines(path)
    if not found or machine in found:
        return []
    return [
        f"{what} ({path}) is built for {' and '.join(sorted(found))}, this machine is {machine}: "
        f"install the {machine} build of {what}"
    ]


def check_wheels(environment: Path, machine: str) -> list[str]:
    problems: list[str] = []
    for wheel in sorted(environment.glob("lib/python3*/site-packages/*.dist-info/WHEEL")):
        lines = wheel.read_text(encoding="utf-8").splitlines()
        tags = [line.split(":", 1)[1].strip() for line in lines if line.startswith("Tag:")]
        machines = {found for tag in tags if (found := wheel_machine(tag)) is not None}
        if machines and machine not in machines:
            name = wheel.parent.name.removesuffix(".dist-info")
            problems.append(
                f"the package {name} is built for {' and '.join(sorted(machines))}, this machine "
                f"is {machine}: remove {environment.name} and run scripts/setup with a native uv"
            )
    return problems


def problems(machine: str, uv: Path | None, environment: Path | None) -> list[str]:
    found: list[str] = []
    if canonical(platform.machine()) != machine:
        found.append(
            f"this Python ({sys.executable}) runs as {platform.machine()} on an {machine} machine "
            "(Rosetta): open a native terminal and use a native Python"
        )
    if uv is not None:
        found += check_program("uv", uv.resolve(), machine)
    if environment is not None:
        found += check_program("Python", (environment / "bin" / "python").resolve(), machine)
        found += check_wheels(environment, machine)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--uv", type=Path)
    parser.add_argument("--environment", type=Path)
    options = parser.parse_args()
    found = problems(hardware(), options.uv, options.environment)
    for problem in found:
        print(f"wrong architecture: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
