"""How fast, beside what the arithmetic must cost: `python -m tests.bench.speed`.

Every contest holds contenders against a bound, both in this process, in turn and again: the ratio
of medians counts, and beside it stands the lowest and the highest ratio of a round. With `--peers`
it runs in an environment that has other libraries too (`.peers/speed`, made if need be).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress

from tests.bench.speed import (
    alpha,
    attacks,
    data,
    evaluation,
    interpretation,
    processes,
    report,
    steps,
)
from tests.bench.speed.child import keep_freed_memory
from tests.bench.speed.contest import Contest, Result, compete
from tests.bench.speed.machine import ROOT, facts
from tests.bench.speed.setting import FULL, TINY, Setting
from tests.peers.environment import made

GROUPS: dict[str, Callable[[Setting], Iterator[Contest]]] = {
    "attacks": attacks.contests,
    "steps": steps.contests,
    "evaluation": evaluation.contests,
    "interpretation": interpretation.contests,
    "data": data.contests,
    "alpha": alpha.contests,
    "processes": processes.contests,
}


def main(words: Sequence[str]) -> int:
    """Measure, print and write; 1 where a contender did not do its work, else 0."""
    parser = argparse.ArgumentParser(prog="tests.bench.speed", description=__doc__)
    parser.add_argument(
        "--data", help="folder of real MNIST and CIFAR-10 (pickles: only from whom you trust)"
    )
    parser.add_argument("--device", type=torch.device, default="cpu", help="cpu or cuda")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default: all cores")
    parser.add_argument("--only", choices=GROUPS, action="append", help="a group; repeatable")
    parser.add_argument("--json", metavar="FILE", help="- for standard output, tables elsewhere")
    parser.add_argument("--peers", action="store_true", help="other libraries too")
    parser.add_argument("--tiny", action="store_true", help="to see that it runs: no such seconds")
    options = parser.parse_args(words)
    if options.peers:
        go_on_with_peers([word for word in words if word != "--peers"])
    # As every training process does; not within the tests' own process.
    is_kept = not options.tiny and keep_freed_memory()
    torch.set_num_threads(options.threads)
    sizes = TINY if options.tiny else FULL
    setting = Setting(sizes=sizes, data=options.data, device=options.device)
    about: dict[str, Any] = {
        "machine": facts(options.device) | {"keeps_freed_memory": is_kept},
        "rounds": options.rounds,
        "data": "random" if options.data is None else "real",
    }
    tables = console(stderr=options.json == "-")
    found: dict[str, list[Result]] = {}
    for group in options.only or GROUPS:
        found[group] = measured(group, setting, rounds=options.rounds)
        tables.print(report.table(group, found[group]))
        if options.json not in (None, "-"):  # what is cut short has left what it had
            report.write(Path(options.json), report.document(found, **about))
    if options.json == "-":
        print(report.document(found, **about), end="")
    return int(any(result.refused for results in found.values() for result in results))


def measured(group: str, setting: Setting, *, rounds: int) -> list[Result]:
    """A group's results; on standard error, what is being measured."""
    results = []
    with Progress(console=console(stderr=True), transient=True) as progress:
        for contest in GROUPS[group](setting):
            progress.console.print(f"{group}: {contest.title}", markup=False, highlight=False)
            task = progress.add_task("rounds", total=1 + rounds)

            def advance(task: Any = task) -> None:
                progress.advance(task)

            results.append(compete(contest, rounds, clock=setting.clock, round_done=advance))
            progress.remove_task(task)
    return results


def console(*, stderr: bool) -> Console:
    """As wide as the terminal, or wide enough for the tables where there is none."""
    return Console(stderr=stderr, width=None if Console(stderr=stderr).is_terminal else 118)


def go_on_with_peers(words: Sequence[str]) -> None:
    """Become the same command in the environment that has other libraries."""
    python = str(made("speed"))
    sys.stdout.flush()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    os.execve(python, [python, "-m", "tests.bench.speed", *words], environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
