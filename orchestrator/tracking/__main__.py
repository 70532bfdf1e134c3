"""Print the URI of the MLflow database in a storage, for `make ui`: `... tracking STORAGE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.tracking import EMBEDDED, tracking_uri
from trainer.terminal.door import door

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@door()
def main(
    storage: Annotated[Path, typer.Argument(metavar="STORAGE", help="The folder of a storage.")],
) -> None:
    """Print the URI of the MLflow database that lies in a storage."""
    typer.echo(tracking_uri(EMBEDDED, str(storage.expanduser().absolute())))


if __name__ == "__main__":
    app()
