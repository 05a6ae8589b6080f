#!/usr/bin/env python3
"""api/openapi.yaml as a C++ source that holds the same document as JSON (run by CMake)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml

SOURCE = """\
// Made by scripts/embed_openapi.py from api/openapi.yaml.
#include "api/handlers/openapi.h"

namespace hub::api {{

std::string_view openapi_document() {{
  static constexpr std::string_view kDocument = R"openapi({document})openapi";
  return kDocument;
}}

}}  // namespace hub::api
"""


def main(document: Path, target: Path) -> None:
    text = json.dumps(yaml.safe_load(document.read_text(encoding="utf-8")), ensure_ascii=False)
    if ')openapi"' in text:
        sys.exit(f"{document}: holds the end of a raw string")
    target.write_text(SOURCE.format(document=text), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
