"""What scripts/wheel_files.py puts into a wheel, and what it refuses."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest
import wheel_files
from wheel_files import WheelError

ROOT = Path(__file__).resolve().parents[3]


def write_tree(root: Path, cmake: str, project: str, model: str) -> None:
    (root / "infra" / "default-model").mkdir(parents=True)
    (root / "CMakeLists.txt").write_text(f"project(mlx-model-hub VERSION {cmake} LANGUAGES CXX)\n")
    (root / "pyproject.toml").write_text(f'[project]\nversion = "{project}"\n')
    (root / "infra" / "default-model" / "pyproject.toml").write_text(
        f'[project]\nversion = "{model}"\n'
    )


def test_one_version_is_found_here() -> None:
    version = wheel_files.project_version(ROOT)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == version
    assert project["optional-dependencies"]["default-model"] == [f"mlx-hub-smollm2=={version}"]


@pytest.mark.parametrize(
    "versions", [("0.2.0", "0.1.0", "0.1.0"), ("0.1.0", "0.1.1", "0.1.0"), ("1.0", "1.0", "0.9")]
)
def test_versions_that_differ_are_refused(tmp_path: Path, versions: tuple[str, str, str]) -> None:
    write_tree(tmp_path, *versions)
    with pytest.raises(WheelError, match=r"one version is wanted") as refused:
        wheel_files.project_version(tmp_path)
    for version in versions:
        assert version in str(refused.value)


def test_extras_pin_the_mlx_that_the_programs_were_built_with() -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups, extras = document["dependency-groups"], document["project"]["optional-dependencies"]
    assert extras["cpu"] == groups["cpu"]
    assert extras["cuda"] == groups["cuda"]
    pin = document["project"]["dependencies"][0].removeprefix("mlx")
    for extra in ("cpu", "cuda"):
        assert pin in extras[extra][0]


def test_a_named_build_folder_must_hold_both_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlx-hub").touch()
    monkeypatch.setenv("MLX_HUB_BUILD", str(tmp_path))
    with pytest.raises(WheelError, match="mlx-hub-worker is not in it"):
        wheel_files.build_folder(ROOT)
    (tmp_path / "mlx-hub-worker").touch()
    assert wheel_files.build_folder(ROOT) == tmp_path.resolve()


def test_it_compiles_only_where_nothing_was_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLX_HUB_BUILD", raising=False)
    assert wheel_files.needs_compiling(tmp_path)
    build = tmp_path / "build" / "release"
    build.mkdir(parents=True)
    (build / "build.ninja").touch()
    assert not wheel_files.needs_compiling(tmp_path)
    monkeypatch.setenv("MLX_HUB_BUILD", "elsewhere")
    assert not wheel_files.needs_compiling(tmp_path / "nothing")


def fake_ldd(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    ldd = folder / "ldd"
    printed = "\n".join(lines)
    ldd.write_text(f"#!/bin/sh\ncat <<'END'\n{printed}\nEND\n")
    ldd.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_libraries_are_those_that_are_neither_the_systems_nor_mlx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "libfmt.so.9"
    library.touch()
    fake_ldd(
        tmp_path,
        monkeypatch,
        "\tlinux-vdso.so.1 (0x00007ffc)",
        f"\tlibfmt.so.9 => {library} (0x00007f00)",
        "\tlibmlx.so => not found",
        "\tlibc.so.6 => /lib/libc.so.6 (0x00007f01)",
        "\tlibstdc++.so.6 => /lib/libstdc++.so.6 (0x00007f02)",
        "\t/lib64/ld-linux-x86-64.so.2 (0x00007f03)",
    )
    assert wheel_files.needed_libraries(tmp_path / "program") == {"libfmt.so.9": library}


def test_a_library_that_this_machine_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_ldd(tmp_path, monkeypatch, "\tlibyaml-cpp.so.0.7 => not found")
    with pytest.raises(WheelError, match=r"program needs libyaml-cpp\.so\.0\.7"):
        wheel_files.needed_libraries(tmp_path / "program")


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="this is no Debian")
def test_a_library_without_a_known_licence_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    wheel_files.copy_copyright(Path("/usr/bin/dpkg-query"), tmp_path / "target")
    licences = tmp_path / "target" / "share" / "doc" / "mlx-hub" / "licences"
    assert [path.name for path in licences.iterdir()] == ["dpkg"]
    with pytest.raises(WheelError, match="no Debian package holds it"):
        wheel_files.copy_copyright(tmp_path / "libown.so.1", tmp_path / "target")


def write_service_files(root: Path) -> None:
    for name in (
        "scripts/service",
        "infra/systemd/mlx-hub.service",
        "infra/launchd/mlx-model-hub.serve.plist",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def test_the_dashboard_and_the_service_are_carried(tmp_path: Path) -> None:
    root, target = tmp_path / "root", tmp_path / "target"
    write_service_files(root)
    with pytest.raises(wheel_files.WheelError, match="the dashboard is not built"):
        wheel_files.copy_share(root, target)

    page = root / "web" / "out" / "models" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<html>")
    (root / "web" / "out" / "site.json").write_text("{}")
    wheel_files.copy_share(root, target)
    share = target / "share" / "mlx-hub"
    assert {path.name for path in (share / "service").iterdir()} == {
        "service",
        "mlx-hub.service",
        "mlx-model-hub.serve.plist",
    }
    assert (share / "ui" / "models" / "index.html").read_text() == "<html>"
