"""One command for all: `pareto sweep SPEC` is `python -m orchestrator.sweep SPEC`, and so on."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

DOORS = {
    "sweep": "orchestrator.sweep",
    "front": "orchestrator.front",
    "figure": "orchestrator.figure",
    "report": "orchestrator.report.__main__",
    "compare": "orchestrator.compare",
    "pick": "orchestrator.pick",
    "bundle": "orchestrator.bundle",
    "status": "orchestrator.status.__main__",
    "pause": "orchestrator.pause",
    "resume": "orchestrator.resume",
    "store": "orchestrator.store.__main__",
    "train": "trainer.train",
    "evaluate": "trainer.evaluate",
    "explain": "trainer.explain",
}
"""Subcommands, and the modules whose command each is."""


class _Doors(TyperGroup):
    """Commands of the subcommands' modules, each imported when asked for, with PyTorch or Ray."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(DOORS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | TyperGroup | None:
        del ctx
        if cmd_name not in DOORS:
            return None
        command = typer.main.get_command(import_module(DOORS[cmd_name]).app)
        assert isinstance(command, (TyperCommand, TyperGroup))
        command.name = cmd_name
        return command


app = typer.Typer(cls=_Doors, name="pareto", pretty_exceptions_enable=False, no_args_is_help=True)


@app.callback()
def main() -> None:
    """Sweeps for comprehensive adversarial robustness: from one YAML file to a Pareto front.

    --install-completion teaches your shell to complete commands, options and files.
    """


def run() -> None:
    """Run `pareto`, with user code found in the folder of the call, as under `python -m`."""
    folder = str(Path.cwd())
    if not sys.flags.safe_path and folder not in sys.path:
        sys.path.insert(0, folder)
    app(prog_name="pareto")


if __name__ == "__main__":
    run()
