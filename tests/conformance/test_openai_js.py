"""The official OpenAI JavaScript client against the hub: openai_js/suite.mjs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from hub_client import DEFAULT_MODEL, HubProcess
from support.outside_packages import JS_PACKAGE, NODE, node_environment, node_folder

LEAST_CHECKS = 14


def test_the_javascript_client(hub: HubProcess) -> None:
    folder = node_folder()
    suite = Path(shutil.copy(JS_PACKAGE / "suite.mjs", folder / "suite.mjs"))
    ran = subprocess.run(
        [NODE / "node", "--test", "--test-reporter=tap", suite],
        cwd=folder,
        env={**node_environment(), "HUB_URL": hub.url, "HUB_MODEL": DEFAULT_MODEL},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    passed = re.search(r"^# pass (\d+)$", ran.stdout, re.MULTILINE)
    assert passed is not None
    assert int(passed[1]) >= LEAST_CHECKS
