"""Files without what tells whose they are, and the search for what is left of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from orchestrator.bundling.layers import MARKUP, first_trace
from orchestrator.bundling.pictures import bare_png, bare_svg, drawn_texts
from orchestrator.bundling.traces import Traces, scripts_in
from orchestrator.plan.plan import Plan
from trainer.input.problems import InputError

TEXTS = (".csv", ".json", ".yaml", ".md", ".tex", ".py", ".html", ".svg")
PICTURES = (".png", ".svg", ".pdf")
PAGE = ".html"

IN_SCRIPTS = (
    "a name of its author's machines is a word of its scripts; make it again from the tables"
)
DRAWN = "a name of its author's machines is drawn in it; the tables have it without"


class TraceError(InputError):
    """Something in an archive tells whose it is."""


def texts_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the texts among files, but for pages and pictures, which have code of others too."""
    return {
        name: data.decode(errors="replace")
        for name, data in files.items()
        if name.endswith(TEXTS) and not name.endswith(MARKUP)
    }


def in_scripts_of(files: Mapping[str, bytes], traces: Traces) -> set[str]:
    """Return the pages in whose scripts a name stands: these run as they are, or not at all."""
    pages = {
        name: data.decode(errors="replace") for name, data in files.items() if name.endswith(PAGE)
    }
    return {
        name
        for name, text in pages.items()
        if traces.first_in(scripts_in(text).encode(), is_packed=True) is not None
    }


def drawn_in(files: Mapping[str, bytes], plan: Plan, traces: Traces) -> set[str]:
    """Return the pictures in which a name is drawn, letter by letter: no text replaces it there.

    These are known by a picture's own texts, as SVG has them, and by labels of the plan's methods.
    """
    pictures = {name: PurePosixPath(name) for name in files if name.endswith(PICTURES)}
    labels = "\n".join(f"{it.method}\n{it.settings}" for it in plan.every)
    if traces.are_in(labels):
        return {*pictures}
    said = {
        path.with_suffix("")
        for name, path in pictures.items()
        if path.suffix in MARKUP
        and traces.are_in(drawn_texts(files[name].decode(errors="replace")))
    }
    return {name for name, path in pictures.items() if path.with_suffix("") in said}


def without_traces(files: Mapping[str, bytes], traces: Traces) -> dict[str, bytes]:
    """Return files with neutral words in texts and names, pictures without metadata."""
    return {traces.replaced(name): _without(name, data, traces) for name, data in files.items()}


def _without(name: str, data: bytes, traces: Traces) -> bytes:
    suffix = PurePosixPath(name).suffix
    if suffix == ".png":
        return bare_png(data)
    if suffix not in TEXTS:
        return data
    text = data.decode(errors="replace")
    if suffix in MARKUP:
        return traces.replaced_in_markup(bare_svg(text) if suffix == ".svg" else text).encode()
    return traces.replaced(text).encode()


def refuse_traces(data: bytes, traces: Traces) -> None:
    """Search every byte of an archive, and of all that is packed in it.

    Raises:
        TraceError: what tells whose it is, and where that stands.
    """
    if (found := first_trace("the archive", data, traces)) is not None:
        place, trace = found
        raise TraceError(
            f"--anonymous must leave nothing that tells whose it is, got the {trace.kind} "
            f"{trace.text!r} in {place}; take it out of the sweep, or bundle without --anonymous"
        )
