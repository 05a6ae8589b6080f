"""What scripts/release refuses, and what it writes into the Homebrew formula and SHA256SUMS."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
import release_files
from release_files import ReleaseError

ROOT = Path(__file__).resolve().parents[3]
FORMULA = ROOT / "infra" / "homebrew" / release_files.FORMULA


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_tree_that_differs_from_its_commit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="from a git checkout"):
        release_files.check_clean(tmp_path)
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-q", "-m", "one")
    release_files.check_clean(tmp_path)

    (tmp_path / "a").write_text("2")
    with pytest.raises(ReleaseError, match=r"differs from its commit.*: a$"):
        release_files.check_clean(tmp_path)
    git(tmp_path, "commit", "-q", "-a", "-m", "two")
    (tmp_path / "new").touch()
    with pytest.raises(ReleaseError, match=r": new$"):
        release_files.check_clean(tmp_path)


def write_release(folder: Path, version: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in (
        f"mlx_model_hub-{version}.tar.gz",
        f"mlx_model_hub-{version}-py3-none-manylinux_2_36_x86_64.whl",
        f"mlx_hub_smollm2-{version}-py3-none-any.whl",
    ):
        (folder / name).write_text(name)


def test_every_file_is_wanted_once_and_in_this_version(tmp_path: Path) -> None:
    write_release(tmp_path, "0.1.0")
    assert len(release_files.released_files(tmp_path, "0.1.0")) == 3
    with pytest.raises(ReleaseError, match=r"of version 0\.2\.0 is wanted"):
        release_files.released_files(tmp_path, "0.2.0")
    write_release(tmp_path, "0.0.9")
    with pytest.raises(ReleaseError, match=r"found mlx_model_hub-0\.0\.9\.tar\.gz, mlx"):
        release_files.released_files(tmp_path, "0.1.0")


def test_the_formula_names_the_archive_and_its_checksum(tmp_path: Path) -> None:
    archive = tmp_path / "mlx_model_hub-0.1.0.tar.gz"
    archive.write_bytes(b"source")
    digest = hashlib.sha256(b"source").hexdigest()
    template = FORMULA.read_text()
    text = release_files.filled_formula(template, archive, "https://files.example.org/v1/")
    changed = [
        (old, new)
        for old, new in zip(template.splitlines(), text.splitlines(), strict=True)
        if old != new
    ]
    assert [new for _, new in changed] == [
        f'  url "https://files.example.org/v1/{archive.name}"',
        f'  sha256 "{digest}"',
    ]
    with pytest.raises(ReleaseError, match="one line with url"):
        release_files.filled_formula(text.replace("  url", "  # url"), archive, "https://x")


def test_a_release_is_listed_with_its_checksums(tmp_path: Path) -> None:
    version = release_files.project_version(ROOT)
    write_release(tmp_path, version)
    release_files.finish(ROOT, tmp_path, "https://files.example.org")
    once = (tmp_path / release_files.SUMS).read_text()
    assert len(once.splitlines()) == 4
    check = ["sha256sum", "--check", "--strict", release_files.SUMS]
    if shutil.which("sha256sum"):
        subprocess.run(check, cwd=tmp_path, check=True, capture_output=True)
    release_files.finish(ROOT, tmp_path, "https://files.example.org")
    assert (tmp_path / release_files.SUMS).read_text() == once


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("--publish",), "unknown option --publish"),
        (("--base-url", "example.org"), "--base-url wants http"),
        (("--base-url", 'https://x"; system "'), "--base-url wants http"),
    ],
)
def test_the_script_says_what_it_wanted(arguments: tuple[str, ...], wanted: str) -> None:
    script = ROOT / "scripts" / "release"
    done = subprocess.run([script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert wanted in done.stderr


@pytest.mark.skipif(shutil.which("ruby") is None, reason="ruby is not installed here")
def test_the_formula_is_ruby() -> None:
    subprocess.run(["ruby", "-c", FORMULA], check=True, capture_output=True)
