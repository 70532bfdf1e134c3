"""Two sweeps, tables or methods beside each other: `python -m orchestrator.compare A B`.

Writes `comparison.json`, `comparison.png` and `comparison.svg` into a folder: both fronts, how much
the sides differ, seed by seed, and which of their settings do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer
from rich.console import Console

from orchestrator.exit_codes import exit_codes
from orchestrator.front import SPEC_SUFFIXES, written_into
from orchestrator.pareto.contrasts import FRONTS, PAPER
from orchestrator.pareto.sides import Side, differences, doubts, side
from orchestrator.report.front_files import check_writable
from orchestrator.report.front_text import show_files
from orchestrator.report.two_sides import TwoSides, write_two_sides
from orchestrator.results.table_files import FORMATS, TableError, read_table
from orchestrator.table.best_weights import standing_on, stood_on
from orchestrator.table.columns import WeightsName
from orchestrator.table.models import ModelsName
from orchestrator.table.objectives import LARGEST_SACRIFICE
from orchestrator.table.setting_values import value_text
from trainer.input.problems import InputError, shown
from trainer.terminal.console import print_table, print_titled, terminal
from trainer.terminal.door import door
from trainer.terminal.json_text import print_json
from trainer.terminal.table import Column

if TYPE_CHECKING:
    from orchestrator.spec.differing import Setting
    from orchestrator.spec.sweep_spec import SweepSpec

REFERENCE = "standard"
"""Label of the trials that scores are taken against, which are on neither side unless named."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@door(exit_codes)
def main(
    first: Annotated[
        Path,
        typer.Argument(metavar="A", help=f"A sweep's .yaml, or trials in {' or '.join(FORMATS)}."),
    ],
    second: Annotated[
        Path | None, typer.Argument(metavar="B", help="Likewise; default with --methods: A.")
    ] = None,
    *,
    methods: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="METHOD OTHER", help="Compare A's METHOD with B's OTHER alone."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go.")] = Path(
        "comparison"
    ),
    largest_sacrifice: Annotated[
        float | None,
        typer.Option(
            metavar="ACCURACY",
            help=f"Where hypervolumes end; default: A's contrasts, or {LARGEST_SACRIFICE:g}.",
        ),
    ] = None,
    models: Annotated[
        ModelsName,
        typer.Option(
            help="Of sweeps: `own`, by which cells were also chosen, or `confirmed`: those with "
            "fresh seeds, once all are done."
        ),
    ] = "own",
    storage: Annotated[
        str | None, typer.Option(metavar="FOLDER|URL", help="Where sweeps are kept.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=YAML", help="As the sweeps were started with."),
    ] = None,
    prints_json: Annotated[
        bool, typer.Option("--json", help="Print comparison.json's content alone.")
    ] = False,
) -> None:
    """Compare two sweeps, two tables of trials, or two methods, seed by seed, on both fronts."""
    console = terminal()
    if second is None and methods is None:
        raise InputError("B must be given, or --methods METHOD OTHER of A; got neither")
    paths = [first] if second is None else [first, second]
    if models != "own" and not any(path.suffix in SPEC_SUFFIXES for path in paths):
        raise InputError(
            f"--models must be left out of tables, got {models}; a sweep's confirmed.csv has the "
            f"models that confirm it"
        )
    sources = [_read(path, storage, assignments, models) for path in paths]
    sources = sources if len(sources) == 2 else sources * 2
    sides = _sides(sources, methods)
    largest = _largest_sacrifice(largest_sacrifice, sources)
    settings = _settings(sources, methods)
    found = TwoSides(
        first=sides[0],
        second=sides[1],
        largest_sacrifice=largest,
        differences=tuple(differences(*sides, largest_sacrifice=largest)),
        settings=None if settings is None else tuple((s.key, s.first, s.second) for s in settings),
        models=models if any(it.spec is not None for it in sources) else None,
        doubts=(*_measures(settings or ()), *_weights(sources), *doubts(*sides)),
    )
    with written_into(out):
        check_writable(out)
    if not prints_json:  # before the picture, which takes longer than all else
        _show(found, console)
    with written_into(out):
        files = write_two_sides(found, out)
    if prints_json:
        print_json(found.record())
        return
    show_files(str(out), [path.name for path in files], console)
    print_titled(console, [("models", it.whose) for it in dict.fromkeys(sources) if it.whose])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Source:
    """A table of trials, and the sweep that it is of, where that is known."""

    path: Path
    name: str
    table: pd.DataFrame  # of some weights alone
    weights: WeightsName
    spec: SweepSpec | None
    whose: str  # models these are, where there are others


def _read(
    path: Path, storage: str | None, assignments: list[str] | None, models: ModelsName
) -> _Source:
    if path.suffix in SPEC_SUFFIXES:
        # Here alone: all that a sweep file may say is not needed to read a table.
        from orchestrator.results.as_stored import stored_results  # noqa: PLC0415
        from orchestrator.spec.arguments import check_started, read_sweep  # noqa: PLC0415
        from orchestrator.store.files.by_url import open_files  # noqa: PLC0415

        spec = read_sweep(str(path), storage, assignments)
        check_started(spec, open_files(spec.storage))
        found = stored_results(spec, spec.objectives, models, reads_answers=False)
        weights, whose = spec.policy.weights, found.whose()
        return _Source(
            path=path,
            name=spec.name,
            table=standing_on(found.table, weights),
            weights=weights,
            spec=spec,
            whose=f"of {spec.name}: {whose}" if whose else "",
        )
    table = read_table(path, FRONTS[PAPER])
    weights = stood_on(table, [objective.name for objective in FRONTS[PAPER]])
    missing = [name for name in ("method", "seed") if name not in table]
    if missing:
        raise TableError(
            f"{path}: must have columns method and seed, by which trials are paired; "
            f"it lacks {' and '.join(missing)}"
        )
    seeds = pd.to_numeric(table["seed"], errors="coerce")
    if not (seeds.dropna() % 1 == 0).all() or seeds.isna().sum() > table["seed"].isna().sum():
        raise TableError(f"{path}: seed must be whole numbers, by which trials are paired")
    folder = path.absolute().parent.name
    name = {"trials": folder, "confirmed": f"{folder} confirmed"}.get(path.stem, path.stem)
    return _Source(
        path=path,
        name=name,
        table=standing_on(table.assign(seed=seeds), weights),
        weights=weights,
        spec=None,
        whose="",
    )


def _sides(sources: Sequence[_Source], methods: tuple[str, str] | None) -> tuple[Side, Side]:
    """Return what is compared: the sources, or a method of each.

    Raises:
        InputError: a method that its source does not have, or a side without a trial.
    """
    first, second = sources
    names = [first.name, second.name]
    if first is not second and names[0] == names[1]:
        names = [str(first.path), str(second.path)]
    if first is second and methods is not None:
        names = list(methods)
    elif methods is not None:
        names = [f"{method} of {name}" for method, name in zip(methods, names, strict=True)]
    if names[0] == names[1]:
        raise InputError(f"A and B must differ, got {shown(names[0])} twice")
    sides = []
    for source, name, method in zip(sources, names, methods or (None, None), strict=True):
        there = list(dict.fromkeys(source.table["method"].dropna()))
        if method is not None and method not in there:
            raise InputError(
                f"--methods must name a method of {source.path}, got {shown(method)}; "
                f"there are {', '.join(map(str, there)) or 'none'}"
            )
        its = side(source.table, name, method=method, reference=REFERENCE)
        if its.table.empty:
            raise InputError(f"{source.path}: must have trials of other methods than {REFERENCE}")
        sides.append(its)
    return sides[0], sides[1]


def _largest_sacrifice(given: float | None, sources: Iterable[_Source]) -> float:
    if given is not None:
        if not 0 < given <= 1:
            raise InputError(
                f"--largest-sacrifice must be an accuracy above 0 and at most 1, got {given:g}; "
                f"15 points are 0.15"
            )
        return given
    said = [it.spec.contrasts.largest_sacrifice for it in sources if it.spec is not None]
    return said[0] if said else LARGEST_SACRIFICE


def _settings(sources: Sequence[_Source], methods: tuple[str, str] | None) -> list[Setting] | None:
    """Return the settings that differ; None where a table says none."""
    specs = [it.spec for it in sources]
    if specs[0] is None or specs[1] is None:
        return None
    from orchestrator.spec.differing import between_methods, between_sweeps  # noqa: PLC0415

    if sources[0] is not sources[1]:
        return between_sweeps(specs[0], specs[1])
    return between_methods(specs[0], *methods) if methods is not None else []


def _measures(settings: Iterable[Setting]) -> Iterator[str]:
    """Say which settings that differ are of what is measured."""
    if keys := [setting.key for setting in settings if setting.is_measure]:
        yield f"the sides are not measured alike: they differ in {', '.join(keys)}"


def _weights(sources: Sequence[_Source]) -> Iterator[str]:
    """Say that the sources are of different weights, where settings do not."""
    first, second = sources
    if first.weights != second.weights and (first.spec is None or second.spec is None):
        yield (
            f"{first.name} is of the {first.weights} weights, {second.name} of the "
            f"{second.weights} ones"
        )


def _show(found: TwoSides, console: Console) -> None:
    print_titled(console, found.lines())
    if found.settings is None:
        print_titled(console, [("settings", "of a table are not known")])
        return
    if not found.settings:
        return
    keys, *values = zip(*found.settings, strict=True)
    names = (found.first.name, found.second.name)
    columns = [Column(name="setting", cells=list(keys), importance=9, is_label=True, stays=True)]
    columns += [
        Column(
            name=name,
            cells=["not set" if it is None else value_text(it) for it in each],
            importance=8,
            is_sentence=True,
            stays=True,
        )
        for name, each in zip(names, values, strict=True)
    ]
    print_table(console, columns, more="--json")


if __name__ == "__main__":
    app()
