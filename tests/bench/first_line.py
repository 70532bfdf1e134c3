"""CPU time of commands that only read until their first line: `python -m tests.bench.first_line`.

User and system time of the whole process, imports included, on a small sweep that is done; beside
it what `import pandas` takes. The best of several rounds, all by turns, in one thread each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.orchestrator.finished import do_sweep, read_sweep

COMMANDS = {
    "status SPEC": "status {folder}/small.yaml --storage {folder}/runs",
    "store ls": "store ls {folder}/runs",
    "store verify": "store verify {folder}/runs",
    "store gc": "store gc {folder}/runs",
    "front TABLE": "front {folder}/runs/sweeps/small/trials.csv --out {folder}/out",
    "front SPEC": "front {folder}/small.yaml --storage {folder}/runs",
}

SCRIPT = """\
import resource, runpy, sys
class FirstLine:
    def write(self, text):
        if text.strip():
            used = resource.getrusage(resource.RUSAGE_SELF)
            print(used.ru_utime + used.ru_stime, file=sys.__stdout__, flush=True)
            sys.stdout = sys.__stderr__
        return len(text)
    def flush(self): pass
    def isatty(self): return False
    encoding = "utf-8"
sys.argv = sys.argv[1:]
sys.stdout = FirstLine()
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
"""A module as a command, which prints seconds of CPU in place of its first line."""

PANDAS = """\
import resource, pandas
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime)
"""


def seconds(*words: str) -> float:
    """That a process of Python prints first."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=True, env=environment
    )
    return float(done.stdout.splitlines()[0])


def main() -> None:
    """Print a line a command, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        do_sweep(read_sweep(Path(folder)))
        words = {
            name: ["-c", SCRIPT, *f"orchestrator.{command}".format(folder=folder).split()]
            for name, command in COMMANDS.items()
        }
        runs = {"import pandas": ["-c", PANDAS], **words}
        taken = [
            {name: seconds(*each) for name, each in runs.items()} for _ in range(arguments.rounds)
        ]
    best = {name: min(each[name] for each in taken) for name in runs}
    if arguments.json:
        print(json.dumps(best, indent=2))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, best of {arguments.rounds}")
    for name, took in best.items():
        print(f"{name:16}{took:6.2f} s  {took / best['import pandas']:5.2f} x pandas")


if __name__ == "__main__":
    main()
