"""The door `python -m orchestrator.bundle`: one archive, and nobody's if that is asked for."""

from __future__ import annotations

import hashlib
import io
import json
import re
import socket
import subprocess
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from orchestrator.bundle import app
from orchestrator.bundling import anonymity
from orchestrator.bundling.archive import CHECKSUMS
from orchestrator.bundling.pictures import bare_png
from orchestrator.driver.conclusion import conclude
from orchestrator.plan.plan import make_plan
from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from orchestrator.store import Store
from orchestrator.store.sweeps.starts import begun
from orchestrator.tracking import open_tracker
from tests.orchestrator.bundling.pictures import with_text
from tests.orchestrator.conftest import Finish, Read
from trainer.evaluation.outcomes import Outcomes

pytestmark = pytest.mark.slow

HOST, USER, PERSON = "kepler7.astro.example-uni.edu", "aliddell", "Alice Liddell"
REMOTE = "git@code.example-uni.edu:aliddell/wonderland.git"

SWEEP = """\
name: small
data: {{name: digits, root: {root}}}
methods:
  {label}: {{method: "my_methods:Halves"}}
evaluation: {{pgd: {{ladder: [1, 2]}}, flow: null, rt: null}}
seeds: [0, 1]
tracking: none
"""

MODULE = f"""\
# {PERSON} <alice@wonder.example>, on kepler7; by Liddell
from trainer.methods import Method, Weighting


class Halves(Method):
    \"\"\"Of aliddell's, see /home/aliddell/notes and {REMOTE}.\"\"\"

    def branches(self):
        return ("natural", "pgd")

    def weighting(self):
        return Weighting([0.5, 0.5])
"""


PAGE = """\
<p title="aliddell">made on kepler7 at /gpfs/groups/whiterabbit/runs/trials</p>
<script>run(data)</script>
<script type="application/json">{"method": "kepler7", "by": "Aliddell"}</script>
"""


@pytest.fixture(autouse=True)
def _somebodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine, a user, a checkout and a module that tell whose they are."""
    monkeypatch.setattr(socket, "gethostname", lambda: HOST.partition(".")[0])
    monkeypatch.setattr(socket, "getfqdn", lambda: HOST)
    for variable in ("LOGNAME", "USER", "USERNAME", "LNAME"):
        monkeypatch.setenv(variable, USER)
    monkeypatch.setenv("SUDO_USER", "adam")  # as an optimiser is called
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.astro.example-uni.edu:5000")
    (tmp_path / "my_methods.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    git = ["git", "-C", str(tmp_path)]
    for words in (
        ["init", "-q"],
        ["config", "user.name", PERSON],
        ["config", "user.email", "liddell@astro.example-uni.edu"],
        ["remote", "add", "origin", REMOTE],
    ):
        subprocess.run([*git, *words], check=True)


def left(
    read: Read, store: Store, finish: Finish, *, label: str = "halves", done: int = 4
) -> SweepSpec:
    """A sweep of which a start has left its files; `done` of its four trials are."""
    spec = read(SWEEP.format(root=f"{Path.cwd()}/data-of-{USER}", label=label))
    files = store.files
    for planned in make_plan(spec, store).trials[:done]:
        seed, is_own = planned.trial.seed, not planned.is_reference
        rows = [[1] * (2 + 3 * is_own + seed) + [0] * (6 - 3 * is_own - seed)] * 2
        finish(planned.trial, spec.suite, [1, 1, 1, 1, 1, 1, 1, seed], {"pgd": rows}, examples=8)
    with begun(
        files, files, spec.name, joins=False, lasts=60.0, on_tick=lambda lease: None
    ) as start:
        files.write(f"{spec.folder}/spec.yaml", spec.resolved_yaml().encode())
        tracker = open_tracker("none", spec.storage, spec.name, lambda key: True, store.ids.present)
        conclude(spec, make_plan(spec, store), store, tracker, start=start.folder)
    return spec


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["sweep.yaml", *map(str, words)], env={"COLUMNS": "300"})


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def telling(tmp_path: Path) -> list[bytes]:
    """Texts that tell whose the sweep is, in lower case."""
    words = [
        "whiterabbit",
        "hatter",
        "10.1.2.3",
        "kepler7",
        "astro",
        "example-uni",
        USER,
        "liddell",
        "alice",
        "wonder",
        str(tmp_path),
    ]
    return [word.lower().encode() for word in words]


def test_everything_is_in_it_and_it_runs_again(
    read: Read, store: Store, finish: Finish, tmp_path: Path
) -> None:
    spec = left(read, store, finish)
    result = run("--with-bits")
    assert result.exit_code == 0, result.output
    assert "not there   report.html" in result.stdout
    found = members(Path("small.zip"))
    folder = Path(spec.storage) / spec.folder
    for name in ("spec.yaml", "trials.csv", "cells.csv", "front.csv", "front.json", "front.png"):
        assert found[name] == (folder / name).read_bytes()
    assert found["code/my_methods.py"] == MODULE.encode()
    for line in found[CHECKSUMS].decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(found[name]).hexdigest() == digest
    assert len(found[CHECKSUMS].splitlines()) == len(found) - 1

    environment = json.loads(found["environment.json"])
    assert environment["trained"][0]["trials"] == 4
    assert "torch" in environment["bundled"]["packages"]
    for words in ("4 are done", "`trials.csv`", "orchestrator.sweep spec.yaml", "PYTHONPATH=code"):
        assert words in found["README.md"].decode()

    table = pd.read_csv(io.BytesIO(found["trials.csv"])).set_index("trial_id")
    for name in (it for it in found if it.startswith(f"bits/{spec.suite.id}/")):
        outcomes = Outcomes.from_bytes(found[name])
        row = table.loc[Path(name).stem]
        for column, value in outcomes.accuracies().items():
            assert row[column] == value
    assert sum(name.startswith(f"bits/{spec.suite.id}/") for name in found) == 4

    with zipfile.ZipFile("small.zip") as archive:
        archive.extractall(tmp_path / "elsewhere")
    again = read_spec(str(tmp_path / "elsewhere" / "small" / "spec.yaml"), ["storage=runs"], {})
    assert {it.id for it in make_plan(again, store).trials} == {*table.index}

    first = Path("small.zip").read_bytes()
    assert run("--with-bits", "--out", "again.zip").exit_code == 0
    assert Path("again.zip").read_bytes() == first


@pytest.mark.parametrize("label", ["halves", "halves_kepler7"])
def test_nothing_in_it_tells_whose_it_is(
    label: str, read: Read, store: Store, finish: Finish, tmp_path: Path
) -> None:
    spec = left(read, store, finish, label=label)
    folder = Path(spec.storage) / spec.folder
    picture = folder / "front.png"
    picture.write_bytes(with_text(picture.read_bytes(), b"Author", USER.encode()))
    (folder / "report.html").write_text(PAGE)
    (folder / "figures").mkdir()
    (folder / "figures" / "strict.svg").write_text("<svg><!-- of aliddell --></svg>")
    (folder / "figures" / "table.tex").write_text("trained on kepler7, lost by 10.1.2.3")
    stored = (folder / "spec.yaml").read_text()  # as it came from another machine
    stored = re.sub("(?m)^storage: .*", "storage: /gpfs/groups/whiterabbit/runs", stored)
    stored = stored.replace("tracking: none", "tracking: http://hatter.lab.example:5000")
    (folder / "spec.yaml").write_text(stored)
    result = run("--anonymous", "--with-bits", "--json")
    assert result.exit_code == 0, result.output
    found = members(Path("small-anonymous.zip"))
    wanted = telling(tmp_path)
    for name, data in found.items():
        for layer in (data, *(members_of_npz(data) if name.endswith(".npz") else ())):
            assert [it for it in wanted if it in layer.lower()] == [], name
    assert [it for it in wanted if it in Path("small-anonymous.zip").read_bytes().lower()] == []
    said = json.loads(result.stdout)
    assert said["common_names"] == ["adam"]
    if label == "halves":
        assert found["front.png"] == bare_png(picture.read_bytes())
        assert {*said["left_out"]} == {"figures/strict.svg"}
    else:
        assert "halves_host1" in found["trials.csv"].decode()
        assert {*said["left_out"]} == {"figures/strict.svg"}
        assert "Left out: `figures/strict.svg`" in found["README.md"].decode()
        assert b"<!-- halves_host1 -->" in found["front.svg"], "which is drawn anew"
    page = found["report.html"].decode()
    assert "<script>run(data)</script>" in page, "by whose SHA-256 it is let run"
    assert '{"method": "host1", "by": "user1"}' in page
    assert b"trained on host1, lost by host" in found["figures/table.tex"]
    assert "at /anonymous/path1/trials" in page
    (tmp_path / "elsewhere").mkdir()
    text = found["spec.yaml"].decode()
    (tmp_path / "elsewhere" / "spec.yaml").write_text(text)
    again = read_spec(str(tmp_path / "elsewhere" / "spec.yaml"), ["storage=runs"], {})
    assert {it.id for it in make_plan(again, store).trials} == {
        *pd.read_csv(io.BytesIO(found["trials.csv"]))["trial_id"]
    }
    compile(found["code/my_methods.py"], "my_methods.py", "exec")


def members_of_npz(data: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [archive.read(name) for name in archive.namelist()]


def test_a_page_whose_scripts_have_a_name_is_left_out(
    read: Read, store: Store, finish: Finish
) -> None:
    """A script that is changed is not run; this one has a name of a library's author."""
    spec = left(read, store, finish)
    page = PAGE.replace("run(data)", "run(data) // by aliddell")
    (Path(spec.storage) / spec.folder / "report.html").write_text(page)
    result = run("--anonymous", "--json")
    assert result.exit_code == 0, result.output
    assert {*json.loads(result.stdout)["left_out"]} == {"report.html"}


def test_what_is_left_of_somebody_is_found_and_refused(
    read: Read, store: Store, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the search itself, where what should take it out does not."""
    spec = left(read, store, finish)
    picture = Path(spec.storage) / spec.folder / "front.png"
    picture.write_bytes(with_text(picture.read_bytes(), b"Author", USER.encode()))
    monkeypatch.setattr(anonymity, "bare_png", lambda data: data)
    result = run("--anonymous")
    assert result.exit_code == 2
    assert "got the user 'aliddell' in the archive: small/front.png" in result.stderr
    assert not Path("small-anonymous.zip").exists()


def test_an_incomplete_sweep_says_so_and_has_no_bits_of_the_test_set(
    read: Read, store: Store, finish: Finish
) -> None:
    spec = left(read, store, finish, done=3)
    result = run("--with-bits")
    assert result.exit_code == 0, result.output
    assert "3 of 4 trials are done (1 pending)" in result.stdout
    found = members(Path("small.zip"))
    assert "**Incomplete.** 3 of 4 trials are done" in found["README.md"].decode()
    assert spec.choice_suite is not None
    bits = {name.split("/")[1] for name in found if name.startswith("bits/")}
    assert bits == {spec.choice_suite.id}

    Path("sweep.yaml").write_text(Path("sweep.yaml").read_text().replace("[0, 1]", "[0, 1, 2]"))
    other = run()
    assert other.exit_code == 2
    assert "must say the trials of which its tables are" in other.stderr
    assert run("--out", "small.tar.gz").exit_code == 2
