"""The `README.md` of a bundle: what lies in it, on what its numbers stand, how it is run again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.bundling.archive import CHECKSUMS
from orchestrator.bundling.bits import BITS
from orchestrator.bundling.contents import TRIALS
from orchestrator.bundling.own_modules import CODE, OwnModule
from orchestrator.report.front_files import RESOLVED

README, ENVIRONMENT = "README.md", "environment.json"

RUN_AGAIN = ("python", "-m", "orchestrator.sweep", RESOLVED, "--storage", "runs")


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the `README.md` of a bundle tells."""

    name: str
    """Of the sweep."""

    data: Sequence[str]
    """Names of its data sets."""

    trials: int
    done: int
    incomplete: str
    """Why its numbers are not final; empty where they are."""

    lines: Sequence[tuple[str, str]]
    """What the numbers stand on and what chose, as commands say it."""

    what: Mapping[str, str]
    """What each file is, by name."""

    absent: Sequence[str]
    left_out: Mapping[str, str]
    """Why files are not in it, by name."""

    modules: Sequence[OwnModule]
    data_root: bool
    """Whether data are read from a folder."""

    suites: Mapping[str, str]
    """What of each suite's bits there may be, by its id, the sweep's own first."""

    versions: Mapping[str, str]
    is_anonymous: bool


def read_me(told: Told) -> str:
    """Return the text of a bundle's `README.md`."""
    return "\n".join([*_beginning(told), *_files(told), *_commands(told), *_bits(told), ""])


def _beginning(told: Told) -> Iterator[str]:
    yield f"# {told.name}"
    yield ""
    yield (
        f"A sweep of {told.trials:,} trials on {', '.join(told.data)}, of which {told.done:,} are "
        f"done. A trial is a training with its evaluation; its id (`trial_id` in `{TRIALS}`) is a "
        f"hash of all that determines it, so that who runs it again finds it under the same id."
    )
    if told.incomplete:
        yield ""
        yield f"**Incomplete.** {told.incomplete}"
    yield ""
    yield "## What the numbers stand on"
    yield ""
    for title, text in told.lines:
        yield f"- {title}: {text}" if title else f"  {text}"
    if told.is_anonymous:
        yield ""
        yield (
            "Names of hosts, users, folders and addresses are replaced (`host1`, `user1`, "
            "`/anonymous/storage`). Labels, settings and the sweep's name are else its author's."
        )


def _files(told: Told) -> Iterator[str]:
    yield ""
    yield "## Files"
    yield ""
    yield "| file | |"
    yield "| --- | --- |"
    for name, said in told.what.items():
        yield f"| `{name}` | {said} |"
    yield f"| `{CHECKSUMS}` | of each of these files: `sha256sum -c {CHECKSUMS}` |"
    if told.absent:
        yield ""
        yield f"Not there: {', '.join(f'`{name}`' for name in told.absent)}."
    for why in dict.fromkeys(told.left_out.values()):
        names = [f"`{name}`" for name, its in told.left_out.items() if its == why]
        yield ""
        yield f"Left out: {', '.join(names)}: {why}."


def _commands(told: Told) -> Iterator[str]:
    yield ""
    yield "## To run it again"
    yield ""
    yield "```sh"
    if any(module.path is not None for module in told.modules):
        yield f"export PYTHONPATH={CODE}"
    root = ["--set", "data.root=FOLDER"] if told.data_root else []
    yield shlex.join([*RUN_AGAIN, "--tracking-uri", "none", *root])
    yield f"python -m orchestrator.front {TRIALS} --out drawn_again"
    yield "```"
    yield ""
    yield (
        "The first trains and evaluates everything, the second draws the front of the table here. "
        f"Versions and kinds of machines that trained are in `{ENVIRONMENT}`, with those that "
        f"bundled it ({', '.join(f'{name} {it}' for name, it in told.versions.items())})."
    )
    missing = [module.name for module in told.modules if module.path is None]
    if missing:
        yield ""
        yield f"Modules of its author's own whose source was not found: {', '.join(missing)}."


def _bits(told: Told) -> Iterator[str]:
    suites = [suite for suite in told.suites if f"{BITS}/{suite}/" in told.what]
    if not suites:
        return
    yield ""
    yield "## To compute its numbers again, without training"
    yield ""
    yield "```python"
    yield from _SNIPPET.format(folder=f"{BITS}/{suites[0]}").splitlines()
    yield "```"
    yield ""
    yield (
        "`validation.csv` is of the validation images that pick, "
        "`outcomes.among(~outcomes.steers)`; so is `trials.csv` while a sweep is incomplete. "
        "Scores and sacrifices are differences to the mean of the standard trials."
    )


_SNIPPET = """\
from pathlib import Path
from trainer.evaluation.outcomes import Outcomes

for path in sorted(Path("{folder}").glob("*.npz")):
    outcomes = Outcomes.from_bytes(path.read_bytes())
    print(path.stem, outcomes.accuracies())"""
