"""Calls made up from the OpenAPI document, some hundred of them; scripts/fuzz_http.py makes thousands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hub_client import ROOT


def test_made_up_calls_get_answers_that_the_document_knows(build_dir: Path, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    script = ROOT / "scripts" / "fuzz_http.py"
    options = ["--short", "--cases", "300", "--json", str(result)]
    done = subprocess.run(
        [sys.executable, script, "--build-dir", build_dir, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    counted = json.loads(result.read_text())
    assert counted["cases"] >= 300
    # Handlers were reached, not only what stands before them.
    assert counted["statuses"]["200"] > 0 and counted["statuses"]["404"] > 0
    assert all(int(status) < 500 for status in counted["statuses"])
