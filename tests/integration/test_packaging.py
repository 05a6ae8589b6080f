"""The wheel that `uv build` makes: what is in it, and that it answers from an empty environment."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest
import try_install
from hub_client import HubError
from package_files import find_uv
from wheel_files import SYSTEM_LIBRARIES

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="a wheel for macOS was not built yet (docs/packaging.md)"
)


def uv_build(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [find_uv(), "build", "--wheel", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory, build_dir: Path) -> Path:
    """A folder with both wheels, made from the programs that the other tests use."""
    folder = tmp_path_factory.mktemp("wheels")
    for project in (".", "infra/default-model"):
        done = uv_build(project, "-o", folder, MLX_HUB_BUILD=str(build_dir))
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(wheels: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(try_install.only_wheel(wheels, "mlx_model_hub")) as archive:
        yield archive


def names_below(wheel: zipfile.ZipFile, folder: str) -> set[str]:
    prefix = f"mlx_model_hub-{PROJECT['version']}.data/{folder}/"
    return {name.removeprefix(prefix) for name in wheel.namelist() if name.startswith(prefix)}


def test_the_wheel_is_of_this_platform(wheels: Path, wheel: zipfile.ZipFile) -> None:
    name = try_install.only_wheel(wheels, "mlx_model_hub").name
    tag = rf"py3-none-manylinux_2_\d+_{platform.machine()}"
    assert re.fullmatch(rf"mlx_model_hub-{re.escape(PROJECT['version'])}-{tag}\.whl", name)
    described = wheel.read(f"mlx_model_hub-{PROJECT['version']}.dist-info/WHEEL").decode()
    assert "Root-Is-Purelib: false" in described


def test_the_wheel_carries_the_programs_and_their_libraries(wheel: zipfile.ZipFile) -> None:
    assert names_below(wheel, "scripts") == {"mlx-hub", "mlx-hub-worker"}
    data = names_below(wheel, "data")
    libraries = {Path(name).name for name in data if name.startswith("lib/mlx-hub/")}
    assert {"libopenblas.so.0", "libcurl.so.4", "libarchive.so.13"} <= libraries
    assert not [name for name in libraries if "libmlx" in name or SYSTEM_LIBRARIES.match(name)]
    licences = {name for name in data if name.startswith("share/doc/mlx-hub/licences/")}
    assert len(licences) > 20
    assert "share/mlx-hub/service/mlx-hub.service" in data
    assert {"share/mlx-hub/ui/site.json", "share/mlx-hub/ui/index.html"} <= data
    for file in wheel.infolist():
        if "/scripts/" in file.filename:
            # The program itself, which starts in milliseconds, not a script of Python.
            assert wheel.read(file)[:4] == b"\x7fELF"
            assert (file.external_attr >> 16) & 0o111 == 0o111, f"{file.filename} is no program"


def test_the_wheel_asks_for_the_pinned_mlx(wheel: zipfile.ZipFile) -> None:
    text = wheel.read(f"mlx_model_hub-{PROJECT['version']}.dist-info/METADATA").decode()
    required = Parser().parsestr(text).get_all("Requires-Dist") or []
    pin = PROJECT["dependencies"][0]
    version = pin.removeprefix("mlx")
    assert pin in required
    for extra, package in (("cpu", "mlx-cpu"), ("cuda", "mlx-cuda-13")):
        (found,) = (line for line in required if f"extra == '{extra}'" in line)
        assert found.startswith(f"{package}{version};")
        assert "sys_platform == 'linux'" in found


def test_the_worker_finds_mlx_in_every_python_that_is_allowed(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    name = f"mlx_model_hub-{PROJECT['version']}.data/scripts/mlx-hub-worker"
    described = subprocess.run(
        ["readelf", "-d", wheel.extract(name, tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", described)
    # Ahead of libmlx, or its own slow BLAS would be used.
    assert needed.index("libopenblas.so.0") < needed.index("libmlx.so")
    (found,) = re.findall(r"\(RU?N?PATH\).*\[(.+)\]", described)
    low, high = (int(minor) for minor in re.findall(r"3\.(\d+)", PROJECT["requires-python"]))
    mlx = [f"$ORIGIN/../lib/python3.{minor}/site-packages/mlx/lib" for minor in range(low, high)]
    assert found.split(":") == ["$ORIGIN/../lib/mlx-hub", *mlx]


def test_it_answers_within_a_minute_of_nothing(wheels: Path, tmp_path: Path) -> None:
    installed = try_install.install(wheels, tmp_path)
    answer = try_install.ask(installed)
    total = installed.seconds + answer.first_token_seconds
    print(f"installed in {installed.seconds:.1f} s, first token {answer.first_token_seconds:.1f} s")
    assert "Paris" in answer.text
    assert total < try_install.LIMIT_SECONDS
    # Whatever is no part of every Linux came with the wheels.
    environment = installed.environment.resolve()
    foreign = {
        path
        for path in answer.libraries
        if not path.is_relative_to(environment) and not SYSTEM_LIBRARIES.match(path.name)
    }
    assert foreign == set[Path]()
    loaded = {path.name for path in answer.libraries}
    assert {"libmlx.so", "libopenblas.so.0", "libcurl.so.4"} <= loaded


def test_without_a_backend_the_hub_says_what_to_install(wheels: Path, tmp_path: Path) -> None:
    """An extra names MLX's backend, as MLX's own do: without one there is no libmlx on Linux."""
    installed = try_install.install(wheels, tmp_path, extras="default-model")
    done = subprocess.run(
        [installed.programs / "mlx-hub", "doctor"],
        env=installed.variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "libmlx.so" in done.stdout
    assert "mlx-model-hub[cpu]" in done.stdout
    with pytest.raises(HubError, match="did not start, mlx-hub doctor says why"):
        try_install.ask(installed)


def test_a_build_folder_without_programs_is_refused(tmp_path: Path) -> None:
    done = uv_build("-o", tmp_path, MLX_HUB_BUILD=str(tmp_path))
    assert done.returncode != 0
    assert "MLX_HUB_BUILD" in done.stderr
    assert "mlx-hub is not in it" in done.stderr
    assert not list(tmp_path.glob("*.whl"))


def test_a_model_folder_that_is_not_the_default_model_is_refused(tmp_path: Path) -> None:
    done = uv_build("infra/default-model", "-o", tmp_path, MLX_HUB_MODELS=str(tmp_path))
    assert done.returncode != 0
    assert "lacks config.json" in done.stderr
