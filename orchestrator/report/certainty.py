"""How sure a front of cells is, as values of JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.pareto.certainty import Certainty


def certainty_record(certainty: Certainty) -> dict[str, Any]:
    """Say it as `front.json` has it under `statistics`."""
    volume, members = certainty.hypervolume, certainty.members
    return {
        "level": certainty.level,
        "noise": None if certainty.left_out else certainty.noise,
        "images": certainty.images,
        "seeds": list(certainty.seeds),
        "resamples": certainty.resamples,
        "membership": None if members is None else {str(it): n for it, n in members.items()},
        "hypervolume": None
        if volume is None
        else {
            "seen": volume.seen,
            "optimism": volume.optimism,
            "value": volume.value,
            "low": volume.low,
            "high": volume.high,
        },
        "spacing": {
            method: {
                "setting": it.setting,
                "cells": len(it.steps.settings),
                "unevenness": it.steps.unevenness,
                "largest_gap": it.steps.largest_gap,
                "gap_between": list(it.steps.gap_between),
                "reversals": it.steps.reversals,
            }
            for method, it in certainty.spacing.items()
        },
        "left_out": {what: why for what, why in _left_out(certainty) if why},
    }


def _left_out(certainty: Certainty) -> Iterator[tuple[str, str]]:
    """Yield what is not known, and why; nothing where it is."""
    yield "intervals", certainty.left_out
    yield "noise of images", certainty.why_no_images
    yield "noise of the reference", certainty.why_no_reference
    yield "membership", certainty.why_no_resamples
    yield "hypervolume", certainty.why_no_hypervolume
