"""When the text of a streamed answer came."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from hub_client import HubError, Json


@dataclass(frozen=True)
class TokenTimes:
    text: str
    usage: Json
    decode_seconds: float  # from the first text to the last

    @property
    def tokens(self) -> int:
        return int(self.usage["completion_tokens"])

    @property
    def seconds_per_token(self) -> float:
        """Of those after the first."""
        return self.decode_seconds / max(1, self.tokens - 1)


def token_times(chunks: Iterable[Json]) -> TokenTimes:
    """Reads the chunks of a text completion with usage as they come."""
    first = last = 0.0
    text = ""
    usage: Json = {}
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        piece = str(chunk["choices"][0]["text"]) if chunk["choices"] else ""
        if piece:
            last = time.perf_counter()
            first = first or last
            text += piece
    if not text:
        raise HubError("the answer held no text")
    return TokenTimes(text, usage, last - first)
