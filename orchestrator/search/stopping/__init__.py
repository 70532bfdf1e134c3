"""Rules that end trials early: a sweep file's section `stopping`.

A rule is settings and one verb, `decide`, over what is known of a trial. It is a pure function, so
that the same rows come to the same decision wherever and whenever it is asked.
"""

from __future__ import annotations

from orchestrator.search.stopping.rule import Decision, Evaluations, Rule, Rules
from orchestrator.search.stopping.rules import (
    RULES,
    Pruning,
    checked_against,
    decide,
    pruning_in_force,
    read_rules,
    recorded,
    restored,
)

__all__ = [
    "RULES",
    "Decision",
    "Evaluations",
    "Pruning",
    "Rule",
    "Rules",
    "checked_against",
    "decide",
    "pruning_in_force",
    "read_rules",
    "recorded",
    "restored",
]
