"""The comparison of methods, recorded and shown: `python -m tests.bench.comparison`.

`export` writes a sweep's recording from its storage, whole or as far as it has come; `picks` says
which cells of it are trained anew; `render` makes `docs/comparison.md` and its pictures from the
recordings alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from orchestrator.spec.arguments import read_sweep
from tests.bench.comparison.exporting import exported
from tests.bench.comparison.page import PAGE, picture_of, recorded, recordings, rendered
from tests.bench.comparison.picks import picks
from tests.bench.comparison.recording import Recording
from tests.bench.comparison.replanned import replanned
from tests.bench.comparison.tables import KEPT


def main(words: Sequence[str]) -> int:
    """Do what is asked for; 0."""
    parser = argparse.ArgumentParser(prog="tests.bench.comparison", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export", help="write a sweep's recording")
    export.add_argument("spec", help="the sweep file, as the sweep was started with")
    export.add_argument("recording", type=Path, help="where it goes, such as digits.json.xz")
    export.add_argument("--storage", help="where the sweep is kept")
    export.add_argument("--commit", required=True, help="of the code that trained")
    export.add_argument("--set", dest="assignments", action="append", metavar="KEY=YAML")
    choose = commands.add_parser("picks", help="say which cells are trained anew")
    choose.add_argument("recording", type=Path)
    choose.add_argument("--keep", type=int, default=KEPT, help="cells of a method at most")
    commands.add_parser("render", help="make the page and its pictures from the recordings")
    options = parser.parse_args(words)
    if options.command == "export":
        write(options)
    elif options.command == "picks":
        show_picks(options.recording, keep=options.keep)
    else:
        render()
    return 0


def write(options: argparse.Namespace) -> None:
    """Write a sweep's recording, and say what is missing in it."""
    spec = read_sweep(options.spec, options.storage, options.assignments)
    recording = exported(spec, commit=options.commit)
    data = recording.to_bytes()
    options.recording.write_bytes(data)
    missing = ", ".join(f"{count} {status}" for status, count in recording.missing.items())
    print(
        f"{len(recording.trials)} trials, {missing or 'none'} missing, {len(data):,} bytes in "
        f"{options.recording}"
    )


def show_picks(path: Path, *, keep: int) -> None:
    """Print the cells of each method that do best on the images that pick."""
    found = replanned(Recording.read(path))
    largest = found.spec.contrasts.largest_sacrifice
    for pick in picks(found.validation, keep=keep, largest_sacrifice=largest):
        print(
            f"{pick.method}: {' | '.join(map(str, pick.settings))}: "
            f"{100 * pick.height:.1f} of {100 * pick.of_all:.1f}"
        )


def render() -> None:
    """Make the page's numbers and pictures anew."""
    # Here alone, since it takes as long to import as all else does.
    from tests.bench.comparison.pictures import draw  # noqa: PLC0415

    found = {name: recorded(name) for name in recordings()}
    page = rendered(PAGE.read_text(), found)
    PAGE.write_text(page)
    for name, sweep in found.items():
        if picture_of(name).name in page:
            draw(sweep, picture_of(name))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
