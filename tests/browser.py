# SPDX-License-Identifier: GPL-2.0-only
"""A page in a real browser: what it shows after its scripts ran, and what they complained about."""

import subprocess
from pathlib import Path


def shown(folder: Path, page: str, action: str = "") -> tuple[str, str]:
    """The document and the console. action: a script that does what a user does."""
    file = folder / "page.html"
    file.write_text(page.replace("</body>", f"{action}</body>"))
    command = [
        *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
        *("--enable-logging=stderr", "--virtual-time-budget=5000", "--window-size=1280,900"),
        *(f"--user-data-dir={folder}/profile", "--host-resolver-rules=MAP * ~NOTFOUND"),
        file.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, "\n".join(console)
