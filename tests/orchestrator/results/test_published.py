"""Published numbers: how their table is read, and in what they differ from a sweep's."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.results.comparable import differences
from orchestrator.results.published import Published, read_published
from tests.orchestrator.conftest import Read
from trainer.input.problems import InputError

SHIPPED = Path(__file__).parents[3] / "sweeps" / "published_cifar10.csv"

HEADER = "label,data,norm,attack,radius,steps,architecture,natural_accuracy,worst_pgd,source\n"
ROW = "A2020,CIFAR-10,linf,PGD,8/255,20,PreActResNet-18,0.8334,0.4321,a paper\n"


def read_text(folder: Path, text: str, name: str = "published.csv") -> list[Published]:
    path = folder / name
    path.write_text(text)
    return read_published(path)


def test_a_table_is_read_from_csv_and_yaml_alike(tmp_path: Path) -> None:
    (row,) = read_text(tmp_path, HEADER + ROW)
    assert (row.label, row.source) == ("A2020", "a paper")
    assert row.numbers == {"natural_accuracy": 0.8334, "worst_pgd": 0.4321}
    assert row.facts["radius"] == "8/255"
    assert row.lacks(["union_accuracy", "natural_accuracy"]) == ["union_accuracy"]
    text = """\
A2020:
  {data: CIFAR-10, norm: linf, attack: [PGD], radius: 8/255, steps: 20, source: a paper,
   architecture: PreActResNet-18, natural_accuracy: 0.8334, worst_pgd: 0.4321}
"""
    assert read_text(tmp_path, text, "published.yaml") == [row]


def test_the_table_that_ships_is_read() -> None:
    rows = read_published(SHIPPED)
    assert len(rows) == 7
    assert all("RobustBench model_info/cifar10/Linf/" in row.source for row in rows)
    assert all(set(row.numbers) == {"natural_accuracy", "worst_pgd"} for row in rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER, "must have a row for each published result, got none"),
        (HEADER + ROW + ROW, "label must be a row's own, got 'A2020' twice"),
        (HEADER + ROW.replace("A2020", ""), "published.csv:2: label must be 1 to 60 printable"),
        (HEADER + ROW.replace("a paper", ""), "published.csv:2: source must say where"),
        (HEADER + ROW.replace("0.8334", "83.34"), "natural_accuracy must be a fraction of 1, got"),
        (HEADER + ROW.replace("0.8334", "high"), "natural_accuracy must be a number, got 'high'"),
        (HEADER + ROW.replace("0.8334", "nan"), "natural_accuracy must be a number, got 'nan'"),
        (HEADER + "A2020,CIFAR-10\n", "published.csv:2: must have as many cells as the header"),
        (HEADER.replace("worst_pgd", "wurst") + ROW, "or numbers of trials.csv, got 'wurst'"),
        (HEADER.replace("natural", "naturel") + ROW, "did you mean natural_accuracy?"),
        ("label,source\nA2020,a paper\n", "must have a number of A2020, in a column named as in"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read_text(tmp_path, text)
    assert message in str(error.value)


SWEEP = """\
data: {name: cifar10, root: nowhere}
methods: {pgd: {}}
evaluation:
  pgd: {epsilon: 8/255, ladder: [1, 20]}
  flow: {epsilon: 0.05, ladder: [5]}
  rt: null
"""


def told(read: Read, row: str, *columns: str, sweep: str = SWEEP) -> list[str]:
    spec = read(sweep)
    (found,) = read_text(Path(spec.path).parent, HEADER + row)
    return [str(each) for each in differences(found, spec, columns)]


def test_what_differs_is_told_by_name(read: Read) -> None:
    both = ("worst_pgd", "natural_accuracy")
    assert told(read, ROW, *both) == [], "however it is spelled"
    assert told(read, ROW, "natural_accuracy") == [], "which no attack is part of"
    assert told(read, ROW, *both, sweep=SWEEP.replace("8/255", "4/255")) == [
        "radius 8/255 (this sweep: 4/255)"
    ]
    assert told(read, ROW.replace(",20,", ",,"), *both) == ["steps not said (this sweep: 20)"]
    assert told(read, ROW.replace("PGD", "AutoAttack").replace(",20,", ",,"), *both) == [
        "attack AutoAttack (this sweep: pgd)"
    ]
    other = ROW.replace("CIFAR-10", "mnist").replace("PreAct", "").replace("linf", "l2")
    assert told(read, other, *both) == [
        "data mnist (this sweep: cifar10)",
        "architecture ResNet-18 (this sweep: preact_resnet18)",
        "norm l2 (this sweep: linf)",
    ]
    of_all = told(read, ROW, "union_accuracy", "natural_accuracy")
    assert of_all[0] == "attack PGD (this sweep: pgd, flow)"
    assert of_all[1] == "radius 8/255 (this sweep: 8/255, 0.05)"
