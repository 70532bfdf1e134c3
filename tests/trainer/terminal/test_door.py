"""How a command ends: one message and one exit code for each kind of error."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from trainer.input.problems import BadInput, InputError, Problem
from trainer.terminal.door import Codes, code_of, door, failed, own_codes, refusing
from trainer.terminal.exit_code import ExitCode


class TableError(InputError):
    """Of bad input, with no code of its own."""


class AwayError(OSError):
    """Something that may come back."""


AWAY: Codes = {**own_codes(), AwayError: ExitCode.LOST}


def ended(
    body: Callable[[], object], codes: Codes = AWAY, *, broke_off: str | None = None
) -> Result:
    """What a command leaves whose body this is."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @app.command()
    @door(lambda: codes, broke_off=broke_off)
    def main() -> None:
        body()

    with pytest.MonkeyPatch.context() as patch:  # pytest's handlers would stand in for the log's
        patch.setattr(logging.root, "handlers", [])
        patch.setattr(logging.root, "level", logging.WARNING)
        return CliRunner().invoke(app, [])


def raising(error: BaseException) -> Callable[[], object]:
    def body() -> None:
        raise error

    return body


TWO = BadInput(Problem("a.yaml:1", "seed", "must be"), Problem("a.yaml:2", "", "must not be"))


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (TWO, 2, "error: a.yaml:1: seed: must be\na.yaml:2: must not be\n"),
        (TableError("x must be y"), 2, "error: x must be y\n"),
        (TableError("at s3://key:hunter2@bucket"), 2, "error: at s3://key:***@bucket\n"),
        (AwayError("no answer"), 3, "error: no answer\n"),
    ],
)
def test_what_is_known_is_one_message(error: Exception, code: int, message: str) -> None:
    result = ended(raising(error))
    assert (result.exit_code, result.stderr, result.stdout) == (code, message, "")


def test_no_message_is_longer_than_a_person_reads() -> None:
    assert len(ended(raising(TableError("x" * 10_000))).stderr) < 200
    problems = [Problem(f"a.yaml:{k}", "key", "must be another " * 5) for k in range(100)]
    assert len(ended(raising(BadInput(*problems))).stderr.splitlines()) == 100, "each is short"


def test_what_is_lost_says_what_remains() -> None:
    result = ended(raising(AwayError("no answer")), broke_off="broke off; all is kept")
    assert (result.exit_code, result.stderr) == (3, "error: no answer; broke off; all is kept\n")
    result = ended(raising(TableError("no")), broke_off="broke off; all is kept")
    assert (result.exit_code, result.stderr) == (2, "error: no\n")


@pytest.mark.parametrize("error", [ValueError("hm"), KeyError("hm"), RuntimeError("hm")])
def test_what_nobody_foresaw_is_logged_with_its_traceback(error: Exception) -> None:
    result = ended(raising(error), broke_off="broke off; all is kept")
    assert result.exit_code == 3
    assert result.stderr.startswith("ERROR: broke off; all is kept\nTraceback ")
    assert "in body" in result.stderr
    assert "by an error of its own" in ended(raising(error)).stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [(typer.Exit(5), 5), (KeyboardInterrupt(), 130), (BrokenPipeError(32, ""), 1)],
)
def test_what_typer_ends_with_is_left_to_it(error: BaseException, code: int) -> None:
    result = ended(raising(error))
    assert (result.exit_code, result.stderr) == (code, "")


def test_level_of_the_log() -> None:
    def body() -> None:
        logging.getLogger("a").warning("password=hunter2")

    assert ended(body).stderr == "WARNING: password=***\n"


def test_code_is_that_of_the_nearest_parent() -> None:
    codes = {OSError: ExitCode.BAD_INPUT, AwayError: ExitCode.LOST}

    class FarError(AwayError):
        pass

    assert code_of(FarError(), codes) is ExitCode.LOST
    assert code_of(FileNotFoundError(), codes) is ExitCode.BAD_INPUT
    assert code_of(ValueError(), codes) is None


def test_a_block_that_only_reads_refuses_what_it_is_told_to() -> None:
    def reads(error: Exception) -> Callable[[], object]:
        def body() -> None:
            with refusing(ValueError, RuntimeError):
                raise error

        return body

    result = ended(reads(ValueError("no number")))
    assert (result.exit_code, result.stderr) == (2, "error: no number\n")
    assert ended(reads(typer.Exit(4))).exit_code == 4, "which is a RuntimeError too"
    assert ended(reads(KeyError("other"))).exit_code == 3


def test_failure_is_told_where_it_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert failed("stopped by SIGINT", 130).exit_code == 130
    assert capsys.readouterr() == ("", "stopped by SIGINT\n")
