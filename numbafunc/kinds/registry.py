"""The package's ops of the elementwise kind, by name."""

from __future__ import annotations

from typing import Any

REGISTRY: dict[str, Any] = {}
