"""Writes infra/grafana/dashboards/*.json from the panels in dashboards_*.py.

uv run python scripts/make_dashboards.py [--check]   # --check: fails when the files are not what it would write
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from dashboards_machine import HOST, HUB
from dashboards_memory import MEMORY
from dashboards_serving import SERVING
from dashboards_training import TRAINING
from grafana_json import Dashboard, render

FOLDER = Path(__file__).resolve().parent.parent / "infra" / "grafana" / "dashboards"
DASHBOARDS: tuple[Dashboard, ...] = (SERVING, TRAINING, MEMORY, HOST, HUB)


def files() -> dict[str, str]:
    """The text of each file by its name."""
    return {
        f"{one.uid.removeprefix('mlx-hub-')}.json": json.dumps(render(one, DASHBOARDS), indent=1)
        + "\n"
        for one in DASHBOARDS
    }


def stale() -> list[str]:
    """Files that differ from what would be written, and those that nothing writes."""
    wanted = files()
    found = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    return sorted(name for name in wanted.keys() | found if wanted.get(name) != found.get(name))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        if stale():
            print(f"not what scripts/make_dashboards.py writes: {', '.join(stale())}")
        return 1 if stale() else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale():
        text = files().get(name)
        if text is None:
            (FOLDER / name).unlink()
        else:
            (FOLDER / name).write_text(text)
        print(f"{'removed' if text is None else 'wrote'} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
