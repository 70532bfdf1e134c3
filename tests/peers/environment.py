"""Environments of other libraries, each made once: `made("attacks")`.

The environment NAME lies in `.peers/NAME` and has what `NAME.txt` pins, beside this file. What
`NAME_alone.txt` pins, where there is one, comes after it without its own dependencies: packages
whose metadata ask for what does not install, and which run without it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from filelock import FileLock

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".peers"


def made(name: str) -> Path:
    """The interpreter of an environment, which is made anew if its requirements have changed.

    Raises:
        subprocess.CalledProcessError: pip has said why.
    """
    requirements, alone = HERE / f"{name}.txt", HERE / f"{name}_alone.txt"
    environment = FOLDER / name
    python, installed = environment / "bin" / "python", environment / "installed.txt"
    FOLDER.mkdir(exist_ok=True)
    with FileLock(f"{environment}.lock"):
        wanted = requirements.read_bytes() + (alone.read_bytes() if alone.exists() else b"")
        if not installed.exists() or installed.read_bytes() != wanted:
            subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
            pip = [str(python), "-m", "pip", "install", "--quiet", "--requirement"]
            subprocess.run([*pip, str(requirements)], check=True)
            if alone.exists():
                subprocess.run([*pip, str(alone), "--no-deps"], check=True)
            installed.write_bytes(wanted)  # last: what broke off is made again
    return python
