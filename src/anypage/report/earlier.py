# SPDX-License-Identifier: GPL-2.0-only
"""What another run of anypage wrote with --json."""

import json
from pathlib import Path
from typing import Any

from anypage.errors import AnypageError


def read_document(path: Path, key: str = "") -> Any:
    """The document in a file, or what it has under key.

    AnypageError for what cannot be read, is no JSON, or has no such key.
    """
    try:
        value = json.loads(path.read_bytes())
        return value[key] if key else value
    except (OSError, ValueError, KeyError, TypeError) as error:
        wanted = f"JSON with '{key}'" if key else "JSON"
        raise AnypageError(
            f"no {wanted}: {error}", where=str(path), remedy="name what anypage wrote with --json"
        ) from error
