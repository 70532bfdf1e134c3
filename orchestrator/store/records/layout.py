"""Names of all that lies in the store. Nobody else puts them together, or takes them apart.

    store.json, store.json.copy                  what this is, and its version
    trials/<id>/trial.json                       what the trial is
    trials/<id>/attempts/<number>/               one attempt at it, under a lease
        lease.json, beat.json, ended.json        who, that it lives, how it ended (and why)
        origin.json                              from where it went on, with the rows until there
        rows/EEEEEE.json                         one epoch's facts
        checkpoints/EEEEEE-SSSSSS.pt             the newest two, by epochs and steps done; named
                                                 -<validation id> where it has the best state so far
        last_steps.jsonl                         before a loss became NaN
        weights.pt                               the trained model
        outcomes/<suite id>.npz                  bits
        best/<validation id>/                    the same two of the weights that did best in
                                                 validation under these settings of it
    trials/<id>/result.json                      names the attempt whose weights count
    trials/<id>/dropped.json                     that, once the weights were given up to make room
    trials/<id>/evaluations/<suite id>.json      accuracies, and the attempt that has their bits
    trials/<id>/best/<validation id>/            the same three of the best weights
    families/<family>/EEEEEE-<id>                trials that differ in their length alone
    earlier/<id>-<earlier id>-<validation>       trials of before, in folders of their earlier ids
    sweeps/<name>/                               tables, pictures, the resolved spec, and
        plan.json                                its trials, as its last start found them
        precision.json                           what its `precision: auto` was decided to be
        paused.json                              while it is paused, by whoever asked
        starts/<number>/                         one start of it, under a lease, as an attempt is
            orders.json                          from the start to its own workers
        runs/<key>.json                          which start makes a run of the tracker's
        proposals/<search>/<number>.json         cells that a search chose, in order; once each
        test_reads/<what>.json                   when test numbers were first shown, of what
        suites/<suite>/                          its tables and plan.json under another suite

Records (.json) have their SHA-256 inside; each blob (.pt, .npz) has it beside, in NAME.sha256.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

TRIALS, SWEEPS, FAMILIES = "trials", "sweeps", "families"
"""Folders of the store, with a folder for each trial, each sweep and each family of trials."""

EARLIER = "earlier"
"""Folder of the store with the ids that trials had before: see `store.trials.present_ids`."""


@dataclass(frozen=True)
class LeaseFolder:
    """Folder of one lease: who works at a place, and how that ended."""

    path: str

    @property
    def lease(self) -> str:
        return f"{self.path}/lease.json"

    @property
    def beat(self) -> str:
        return f"{self.path}/beat.json"

    @property
    def ended(self) -> str:
        return f"{self.path}/ended.json"


@dataclass(frozen=True)
class AttemptFolder(LeaseFolder):
    """Folder of one attempt at a trial. Weights and outcomes are the last epoch's, or of those that
    did best under the settings of validation whose id is `best`."""

    best: str | None = None

    @property
    def origin(self) -> str:
        return f"{self.path}/origin.json"

    @property
    def rows(self) -> str:
        return f"{self.path}/rows"

    def row(self, epoch: int) -> str:
        return f"{self.rows}/{epoch:06d}.json"

    def checkpoint(self, epochs_done: int, steps_done: int) -> str:
        """Name a checkpoint's file so that the farthest sorts last."""
        best = "" if self.best is None else f"-{self.best}"
        return f"{self.path}/checkpoints/{epochs_done:06d}-{steps_done:06d}{best}.pt"

    @property
    def last_steps(self) -> str:
        return f"{self.path}/last_steps.jsonl"

    @property
    def weights(self) -> str:
        return f"{_of_state(self.path, self.best)}/weights.pt"

    def outcomes(self, suite_id: str) -> str:
        return f"{_of_state(self.path, self.best)}/outcomes/{suite_id}.npz"


@dataclass(frozen=True)
class StartFolder(LeaseFolder):
    """Folder of one start of a sweep."""

    @property
    def orders(self) -> str:
        return f"{self.path}/orders.json"


@dataclass(frozen=True)
class TrialFolder:
    """Folder of one trial. Result, evaluations and what attempts have for these are of the last
    epoch's weights, or of those that did best under the settings of validation with id `best`."""

    path: str
    best: str | None = None

    @classmethod
    def of(cls, trial_id: str, best: str | None = None) -> TrialFolder:
        return cls(f"{TRIALS}/{trial_id}", best)

    @property
    def description(self) -> str:
        return f"{self.path}/trial.json"

    @property
    def result(self) -> str:
        return f"{_of_state(self.path, self.best)}/result.json"

    @property
    def dropped(self) -> str:
        return f"{_of_state(self.path, self.best)}/dropped.json"

    def evaluation(self, suite_id: str) -> str:
        return f"{_of_state(self.path, self.best)}/evaluations/{suite_id}.json"

    @property
    def attempts(self) -> str:
        return f"{self.path}/attempts"

    def attempt(self, number: int) -> AttemptFolder:
        return AttemptFolder(numbered(self.attempts, number), self.best)


def _of_state(path: str, best: str | None) -> str:
    return path if best is None else f"{path}/best/{best}"


@dataclass(frozen=True)
class SweepFolder:
    """Folder of one sweep, or within it of the sweep under another suite."""

    path: str

    @classmethod
    def of(cls, sweep: str) -> SweepFolder:
        return cls(f"{SWEEPS}/{sweep}")

    def under_suite(self, suite: str) -> SweepFolder:
        return SweepFolder(f"{self.path}/suites/{suite}")

    @property
    def plan(self) -> str:
        return f"{self.path}/plan.json"

    @property
    def precision(self) -> str:
        return f"{self.path}/precision.json"

    @property
    def paused(self) -> str:
        return f"{self.path}/paused.json"

    @property
    def starts(self) -> str:
        return f"{self.path}/starts"

    def run(self, key: str) -> str:
        return f"{self.path}/runs/{key}.json"

    def proposals(self, search: str) -> str:
        return f"{self.path}/proposals/{search}"

    @property
    def test_reads(self) -> str:
        return f"{self.path}/test_reads"

    @property
    def spec(self) -> str:
        return f"{self.path}/spec.yaml"

    @property
    def trials_table(self) -> str:
        return f"{self.path}/trials.csv"

    @property
    def front_table(self) -> str:
        return f"{self.path}/front.csv"


def numbered(place: str, number: int) -> str:
    """Return the folder of one of the leases at a place."""
    return f"{place}/{number:06d}"


def place_and_number(folder: str) -> tuple[str, int]:
    """Take apart what `numbered` returned."""
    place, _, number = folder.rpartition("/")
    return place, int(number)


def member(family: str, epochs: int, trial_id: str) -> str:
    """Name a trial's entry in its family."""
    return f"{FAMILIES}/{family}/{epochs:06d}-{trial_id}"


def members_of(family: str) -> str:
    """Return the folder of a family's entries."""
    return f"{FAMILIES}/{family}"


_BEST = r"(best/(?P<best>v[0-9a-f]{16})/)?"
"""Part of a name in which `best` is the id of settings of validation; None: of the last epoch."""


class FileKind(StrEnum):
    """Kinds of files in the store that have a checksum, or mean something by their name alone."""

    DESCRIPTION = r"trials/(?P<trial>[^/]+)/trial\.json"
    RESULT = rf"trials/(?P<trial>[^/]+)/{_BEST}result\.json"
    DROPPED = rf"trials/(?P<trial>[^/]+)/{_BEST}dropped\.json"
    EVALUATION = rf"trials/(?P<trial>[^/]+)/{_BEST}evaluations/(?P<suite>[^/]+)\.json"
    LEASE = r"(trials/[^/]+/attempts|sweeps/[^/]+/starts)/\d{6}/lease\.json"
    BEAT = r"(trials/[^/]+/attempts|sweeps/[^/]+/starts)/\d{6}/beat\.json"
    ENDED = r"(trials/[^/]+/attempts|sweeps/[^/]+/starts)/\d{6}/ended\.json"
    ORIGIN = r"trials/[^/]+/attempts/\d{6}/origin\.json"
    ROW = r"trials/[^/]+/attempts/\d{6}/rows/(?P<epoch>\d{6})\.json"
    PLAN = r"sweeps/.+/plan\.json"
    PRECISION = r"sweeps/[^/]+/precision\.json"
    PAUSED = r"sweeps/[^/]+/paused\.json"
    ORDERS = r"sweeps/[^/]+/starts/\d{6}/orders\.json"
    RUN = r"sweeps/[^/]+/runs/[^/]+\.json"
    PROPOSED = r"sweeps/[^/]+/proposals/[^/]+/(?P<number>\d{6})\.json"
    TEST_READ = r"sweeps/[^/]+/test_reads/(?P<what>[^/]+)\.json"
    CHECKPOINT = (
        r"trials/(?P<trial>[^/]+)/attempts/(?P<attempt>\d{6})/checkpoints/"
        r"(?P<epochs>\d{6})-(?P<steps>\d{6})(-(?P<best>v[0-9a-f]{16}))?\.pt"
    )
    WEIGHTS = rf"trials/(?P<trial>[^/]+)/attempts/(?P<attempt>\d{{6}})/{_BEST}weights\.pt"
    OUTCOMES = rf"trials/(?P<trial>[^/]+)/attempts/\d{{6}}/{_BEST}outcomes/(?P<suite>[^/]+)\.npz"
    LAST_STEPS = r"trials/[^/]+/attempts/\d{6}/last_steps\.jsonl"
    MEMBER = r"families/(?P<family>[^/]+)/(?P<epochs>\d{6})-(?P<trial>[^/]+)"
    EARLIER = (
        r"earlier/(?P<trial>t[0-9a-f]{16})-(?P<earlier>t[0-9a-f]{16})-"
        r"(?P<validation>v[0-9a-f]{16})(?P<other>-other)?"
    )
    UNKNOWN_EARLIER = r"earlier/unknown-(?P<earlier>t[0-9a-f]{16})"

    def match(self, name: str) -> re.Match[str] | None:
        """Take a file's name apart; None where it is of another kind."""
        return _PATTERNS[self].fullmatch(name)


_PATTERNS = {kind: re.compile(kind) for kind in FileKind}


def kind_of(name: str) -> FileKind | None:
    """Return what kind a file is of, by its name; None for any that this version does not know."""
    return next((kind for kind in FileKind if kind.match(name)), None)


def by_folder(sizes: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Group the files of all trials, or all sweeps, by the name of the one that they belong to."""
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for name, size in sizes.items():
        _, folder, *rest = name.split("/")
        if rest:
            found[folder][name] = size
    return dict(found)
