"""How sure a front of cells is, as values of JSON and in a few lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.pareto.certainty import Certainty
from orchestrator.pareto.membership import Membership


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


def certainty_lines(certainty: Certainty) -> Iterator[tuple[str, str]]:
    """Yield it for people: what each line is about, and what it says."""
    if certainty.left_out:
        yield "intervals", f"none: {certainty.left_out}"
        return
    level = f"{100 * certainty.level:g} %"
    if certainty.members is not None:
        count = certainty.members
        yield (
            "cells",
            f"surely on the front {count[Membership.YES]}, possibly {count[Membership.POSSIBLE]}, "
            f"ruled out {count[Membership.NO]} (simultaneous {level})",
        )
    fewest, most = certainty.seeds
    over = f"{level}, over {fewest if fewest == most else f'{fewest} to {most}'} seeds"
    if certainty.images:
        yield "intervals", f"{over} and {certainty.images:,} images"
    else:
        yield "intervals", f"{over} alone: {certainty.why_no_images}"
    if certainty.why_no_reference:
        yield "", f"without the noise of the standard reference: {certainty.why_no_reference}"
    if certainty.why_no_resamples:
        yield "", f"no membership: {certainty.why_no_resamples}"


def hypervolume_text(certainty: Certainty) -> str:
    """Say how sure a hypervolume is, as a clause after its number; empty where there is nothing to
    say."""
    volume = certainty.hypervolume
    if volume is not None:
        interval = interval_text(volume.low, volume.high)
        return f"; {volume.value:.4f} {interval} without the optimism of having chosen"
    why = certainty.why_no_hypervolume
    return f"; how optimistic that is, is not known: {why}" if why else ""


def interval_text(low: float, high: float) -> str:
    """Write an interval; its ends need no digit that its width drowns."""
    return f"[{low:.3f}, {high:.3f}]"
