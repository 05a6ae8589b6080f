"""The parts of scripts/release that are more than one command: checks, checksums, the Homebrew formula."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

from package_files import sha256_of
from wheel_files import WheelError, project_version

ROOT = Path(__file__).resolve().parent.parent
SUMS = "SHA256SUMS"
FORMULA = "mlx-model-hub.rb"


class ReleaseError(Exception):
    """A failure with one line that a person can act on."""


def check_clean(root: Path) -> None:
    """Refuses what no commit holds: nobody could build the release again."""
    done = subprocess.run(
        ["git", "status", "--porcelain"], cwd=root, check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise ReleaseError(f"a release is made from a git checkout: {done.stderr.strip()}")
    changed = done.stdout.splitlines()
    if changed:
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        raise ReleaseError(
            "the tree differs from its commit; commit or remove: "
            + ", ".join(line[3:] for line in changed[:5])
            + more
        )


def released_files(folder: Path, version: str) -> list[Path]:
    """The source archive and both wheels; each must be there exactly once and in this version."""
    found: list[Path] = []
    for pattern in ("mlx_model_hub-*.tar.gz", "mlx_model_hub-*.whl", "mlx_hub_smollm2-*.whl"):
        matching = sorted(folder.glob(pattern))
        name = pattern.split("-")[0]
        if len(matching) != 1 or not matching[0].name.startswith(f"{name}-{version}"):
            names = ", ".join(path.name for path in matching) or "nothing"
            raise ReleaseError(f"one {pattern} of version {version} is wanted, found {names}")
        found += matching
    return found


def filled_formula(template: str, archive: Path, base_url: str) -> str:
    """The formula with the address and the SHA-256 of the source archive."""
    text = template
    for field, value in (
        ("url", f"{base_url.rstrip('/')}/{archive.name}"),
        ("sha256", sha256_of(archive)),
    ):
        text, count = re.subn(rf'^  {field} "[^"\n]*"$', f'  {field} "{value}"', text, flags=re.M)
        if count != 1:
            raise ReleaseError(f"one line with {field} is wanted in the formula, found {count}")
    return text


def finish(root: Path, folder: Path, base_url: str | None) -> None:
    """Writes the formula and the checksums of all that is released."""
    files = released_files(folder, project_version(root))
    url = base_url or folder.resolve().as_uri()
    template = (root / "infra" / "homebrew" / FORMULA).read_text()
    formula = folder / FORMULA
    formula.write_text(filled_formula(template, files[0], url))
    lines = [f"{sha256_of(path)}  {path.name}\n" for path in sorted([*files, formula])]
    (folder / SUMS).write_text("".join(lines))
    for path in sorted([*files, formula]):
        print(f"    {path.stat().st_size / 1e6:7.1f} MB  {path.name}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("action", choices=["check", "finish"])
    parser.add_argument("--dist", type=Path, default=ROOT / "dist")
    parser.add_argument("--base-url", help="where the files will be found; default: that folder")
    options = parser.parse_args()
    try:
        if options.action == "check":
            check_clean(ROOT)
            print(f"    version {project_version(ROOT)}")
        else:
            finish(ROOT, options.dist, options.base_url)
    except (ReleaseError, WheelError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
