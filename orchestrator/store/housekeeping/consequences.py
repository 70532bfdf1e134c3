"""Consequences of losing a file, for people: what makes it again, or what is lost with it."""

from __future__ import annotations

import re

_OF_TRIAL = r"trials/[^/]+"
_OF_ATTEMPT = rf"{_OF_TRIAL}/attempts/\d+"
_NEXT_START = "the next start of a sweep that has the trial makes it again"

CONSEQUENCES = {
    rf"{_OF_TRIAL}/trial\.json": _NEXT_START,
    r"families/.+": _NEXT_START,
    rf"{_OF_TRIAL}/result\.json": "its weights are published again if they are whole; else the "
    "trial is trained again",
    rf"{_OF_TRIAL}/dropped\.json": "the trial is trained again",
    rf"{_OF_TRIAL}/evaluations/.+": "the trial is evaluated again",
    rf"{_OF_ATTEMPT}/(rows/.+|origin\.json)": "what was told of epochs is lost for good; training "
    "and result stand",
    rf"{_OF_ATTEMPT}/(lease|beat|ended)\.json": "who made the attempt, when, or how it ended is "
    "lost for good; what it made stands",
    rf"{_OF_ATTEMPT}/checkpoints/.+": "training would go on from the one before, or from the "
    "beginning",
    r"sweeps/.+/plan\.json": "the next start of the sweep makes it again",
    r"sweeps/.+/paused\.json": "the sweep is not paused any more",
    r"sweeps/.+/proposals/.+": "the next start of the sweep proposes as many trials again, under "
    "strategy random the same; trials stand",
    r"sweeps/.+/(starts|runs)/.+": "who ran the sweep, or for how long, is lost for good; trials "
    "stand",
}
"""What becomes of a lost file, by the pattern of its name. For a blob that a record names, that
record's entry holds, except that damaged weights cannot be published again."""

TRAINED = "the trial is trained again"


def consequence(name: str) -> str:
    """Say what follows from the loss of a file; empty where nothing does."""
    found = (said for pattern, said in CONSEQUENCES.items() if re.fullmatch(pattern, name))
    return next(found, "")
