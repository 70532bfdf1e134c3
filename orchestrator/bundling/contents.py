"""What of a sweep's folder goes into its bundle, and what each file is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from orchestrator.report.confirmed_files import CONFIRMED, CONFIRMED_STRICT, TABLE
from orchestrator.report.front_files import FILES, PDF, RESOLVED
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Files

TRIALS = "trials.csv"

_OF_FRONT = (
    "models on the front, a row each",
    "the front in numbers, and what selected among the cells",
    "means over seeds, with intervals over other seeds and images",
    "the front, drawn",
    "the same as vectors",
)

OWN = {
    RESOLVED: "the sweep file with every default, without secrets; it runs the sweep again",
    TRIALS: "a row a trial: its id, settings and accuracies",
    "validation.csv": "the same on the validation images that pick",
    **dict(zip(FILES, _OF_FRONT, strict=True)),
    PDF: "the same for a paper",
    "contrasts.json": "methods compared seed by seed",
    "contrasts.csv": "the same as a table",
    "report.html": "all of it as a page for a browser",
}
"""Files of a sweep's own models, and what they are."""

CONFIRMING = {
    TABLE: "trials of the cells that were kept, with fresh seeds",
    **{name: f"confirmed: {it}" for name, it in zip(CONFIRMED, _OF_FRONT, strict=True)},
    **{
        name: f"confirmed, union against natural accuracy: {it}"
        for name, it in zip(CONFIRMED_STRICT, _OF_FRONT, strict=True)
    },
}
"""Files of the models that confirm a sweep."""

FIGURES = "figures"
"""Folder within a sweep's, with pictures and tables for a paper."""

SUITES = "suites"
"""Folder within a sweep's, with a folder for each other suite that its models were tried under."""

APART = {
    "strict": "--strict",
    "last": "--weights last",
    "best": "--weights best",
    "published": "--published",
}
"""Folders within a sweep's, with fronts that `front` was asked for beside its own, and how."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Files of a bundle by name, what each is, and what is not among them."""

    files: dict[str, bytes] = field(default_factory=dict)
    what: dict[str, str] = field(default_factory=dict)
    """By name; those of another suite by their folder."""

    absent: tuple[str, ...] = ()
    """Names of files that might be there, and are not."""


def contents_of(spec: SweepSpec, files: Files) -> Contents:
    """Read what belongs into a bundle from a sweep's folder."""
    asked = OWN | (CONFIRMING if spec.confirm is not None else {})
    found, what = _read(files, spec.folder, asked, below="")
    absent = tuple(name for name in asked if name not in {*found, PDF})
    drawn = dict.fromkeys(files.names(f"{spec.folder}/{FIGURES}"), "drawn for a paper")
    its, of_its = _read(files, f"{spec.folder}/{FIGURES}", drawn, below=f"{FIGURES}/")
    found |= its
    what |= of_its
    for apart, flag in APART.items():
        fronts = dict(zip(FILES, _OF_FRONT, strict=True))
        its, of_its = _read(files, f"{spec.folder}/{apart}", fronts, below=f"{apart}/")
        found |= its
        what |= {name: f"`front {flag}`: {said}" for name, said in of_its.items()}
    for suite in files.names(f"{spec.folder}/{SUITES}"):
        below = f"{SUITES}/{suite}/"
        its, _ = _read(files, f"{spec.folder}/{SUITES}/{suite}", OWN | CONFIRMING, below=below)
        found |= its
        what |= {below: "the same tables and pictures under that suite"} if its else {}
    return Contents(files=found, what=what, absent=absent)


def suite_ids(contents: Contents) -> list[str]:
    """Return the ids of the other suites of which there are tables."""
    folders = {
        PurePosixPath(name).parts[1]
        for name in contents.files
        if name.startswith(f"{SUITES}/") and name.endswith(TRIALS)
    }
    return sorted(folder.rpartition("-")[2] for folder in folders)


def _read(
    files: Files, folder: str, names: dict[str, str], *, below: str
) -> tuple[dict[str, bytes], dict[str, str]]:
    there = {*files.names(folder)}
    found, what = {}, {}
    for name, said in names.items():
        data = files.read(f"{folder}/{name}") if name in there else None
        if data is not None:
            found[f"{below}{name}"] = data
            what[f"{below}{name}"] = said
    return found, what
