"""Build the documentation: `python -m tests.workshop.site FOLDER`; any warning is an error."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.workshop.rooms import ROOT
from tests.workshop.site.check import problems
from tests.workshop.site.pages import lay_out
from tests.workshop.site.references import link_names

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_WARNING = re.compile(r"^(griffe|mkdocstrings|autorefs|warning|error)\b", re.MULTILINE | re.I)
"""How what the generator says of a page's fault begins. Its `--strict` counts its own warnings, not
those of the library that reads the docstrings."""

_SERVERS_OWN = ("404.html", "sitemap.xml")
"""Files that only a server at a known address has a use for."""

MADE = ".made"
"""The file of a site that names all the others, a line each: what may be replaced by a new one."""


def not_made(site: Path) -> list[str]:
    """Name what lies in a folder, or is there in its stead, and was not built there."""
    if site.is_symlink() or (site.exists() and not site.is_dir()):
        return [site.name]
    made = (site / MADE).read_text().splitlines() if (site / MADE).is_file() else []
    return sorted(_names(site) - {*made, MADE})


def build(site: Path) -> str:
    """Build the site into a folder, which is replaced whatever it holds where nothing is wrong.

    Returns:
        What is wrong, a text for people; empty for nothing.
    """
    with TemporaryDirectory() as temporary:
        laid_out = Path(temporary)
        lay_out(laid_out)
        done = subprocess.run(
            [sys.executable, "-m", "zensical", "build", "--strict"],
            cwd=laid_out,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        told = _COLOUR.sub("", done.stdout).partition("\nTraceback (most recent call last)")[0]
        if done.returncode or _WARNING.search(told):
            return told.strip() or f"zensical ended with {done.returncode}\n{done.stdout}".strip()
        for name in _SERVERS_OWN:
            (laid_out / "site" / name).unlink()
        link_names(laid_out / "site")
        wrong = list(problems(laid_out / "site"))
        if not wrong:
            names = "\n".join(sorted(_names(laid_out / "site")))
            (laid_out / "site" / MADE).write_text(f"{names}\n")
            shutil.rmtree(site, ignore_errors=True)
            shutil.copytree(laid_out / "site", site)
        return "\n".join(wrong)


def _names(folder: Path) -> set[str]:
    files = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {path.relative_to(folder).as_posix() for path in files}


def main(arguments: list[str]) -> int:
    """Build into the folder that is given; 1 where something is wrong, 2 where it may not be
    replaced."""
    (folder,) = arguments
    if others := not_made(Path(folder)):
        print(
            f"FOLDER must be new, or hold nothing but a site that was built there, got {folder}, "
            f"which has {others[0]} and {len(others) - 1} more; remove it, or give another"
        )
        return 2
    wrong = build(Path(folder))
    print(wrong or f"open {Path(folder) / 'index.html'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
