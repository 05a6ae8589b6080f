"""The official OpenAI client of the shared hub."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hub_client import HubProcess
from openai import OpenAI


@pytest.fixture
def api(hub: HubProcess) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{hub.url}/v1", api_key="none", max_retries=0, timeout=300) as connected:
        yield connected
