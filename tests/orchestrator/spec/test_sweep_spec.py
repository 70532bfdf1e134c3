"""What a sweep file means: defaults, precedence, cells, and ids that outlive it."""

from __future__ import annotations

import cProfile
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator.plan.plan import make_plan
from orchestrator.spec.policy import Policy
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.sweep import app
from trainer.input.document import Document
from trainer.input.problems import BadInput

Read = Callable[..., SweepSpec]

SWEEPS = sorted((Path(__file__).parents[3] / "sweeps").glob("*.yaml"))
DIGITS = "data: digits\nmethods: {flow: {}}\n"


def ids(spec: SweepSpec) -> dict[str, str]:
    """Ids of the first seed's trials by method and settings."""
    return {
        " ".join([cell.method, *(f"{k}={v}" for k, v in cell.settings.items() if v is not None)]): (
            cell.trial.id
        )
        for cell in spec.cells
    }


# --- defaults and precedence


@pytest.mark.parametrize(
    ("data", "training", "radii", "pgd", "longest"),
    [
        ("digits", ("cnn", 15, 64), (0.2, 0.08, 0.1), (7, None), (100, 50, 50)),
        ("mnist", ("cnn", 15, 100), (0.3, 0.1, 0.2), (40, 0.01), (100, 50, 50)),
        ("fashion_mnist", ("cnn", 15, 100), (0.3, 0.1, 0.2), (40, 0.01), (100, 50, 50)),
        (
            *("cifar10", ("preact_resnet18", 50, 128)),
            *((8 / 255, 0.05, 0.1), (10, 2 / 255), (100, 50, 50)),
        ),
        (
            *("caltech256", ("resnet18", 20, 64)),
            *((8 / 255, 0.02, 0.1), (10, 2 / 255), (20, 20, 20)),
        ),
    ],
)
def test_defaults_are_those_of_the_data_set(
    read: Read, *, data: str, training: Any, radii: Any, pgd: Any, longest: Any
) -> None:
    spec = read(f"data: {data}\nmethods: {{average: {{}}}}\n")
    trial, rungs = spec.cells[1].trial, list(spec.suite.categories.values())
    assert (trial.model.name, trial.training.epochs, trial.training.batch_size) == training
    trained = [trial.attacks[label].model_dump() for label in ("pgd", "flow", "rt")]
    evaluated = [each.attack.model_dump() for each in rungs]
    assert tuple(attack["epsilon"] for attack in trained) == radii
    assert tuple(attack["epsilon"] for attack in evaluated) == radii
    assert (trained[0]["num_steps"], trained[0]["step_size"]) == pgd
    assert [attack["step_size"] for attack in evaluated] == [radius / 4 for radius in radii]
    assert tuple(each.ladder[-1] for each in rungs) == longest


def test_defaults_of_the_sweep_itself(read: Read, tmp_path: Path) -> None:
    spec = read(DIGITS)
    assert (spec.name, spec.seeds, spec.tracking) == ("sweep", (0,), "sqlite")
    assert spec.policy == Policy()
    assert spec.storage == str(tmp_path / "runs")
    assert [str(each) for each in spec.objectives] == [
        "max:robustness_score",
        "min:sacrificed_accuracy",
    ]
    assert spec.reference_point == (0.0, 1.0)


def test_assignment_before_file_before_environment_before_default(read: Read) -> None:
    uri = "http://127.0.0.1:5000"
    in_file = f"{DIGITS}tracking: none\n"
    assert read(DIGITS, MLFLOW_TRACKING_URI=uri).tracking == uri
    assert read(in_file, MLFLOW_TRACKING_URI=uri).tracking == "none"
    assert read(in_file, "tracking=sqlite", MLFLOW_TRACKING_URI=uri).tracking == "sqlite"
    assert read(in_file, "tracking=sqlite", "tracking=none").tracking == "none"


def test_file_before_preset(read: Read) -> None:
    training = read(f"{DIGITS}training: {{epochs: 2}}\n").cells[0].trial.training
    assert (training.epochs, training.batch_size) == (2, 64)


def test_flag_before_assignment(read: Read) -> None:
    read(f"{DIGITS}storage: a\n")
    arguments = ["sweep.yaml", "--set", "storage=b", "--storage", "sweep.yaml/c"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "sweep.yaml/c" in result.output


def test_assignments_reach_into_names_that_stand_for_mappings(read: Read) -> None:
    trial = read(DIGITS, "data.train_examples=100", "model=resnet18").cells[0].trial
    assert (trial.data.name, trial.data.train_examples) == ("digits", 100)
    assert trial.model.name == "resnet18"


# --- cells


def test_reference_is_added_by_itself_and_never_twice(read: Read) -> None:
    alone = read("data: digits\nmethods: {flow: {}}\n")
    named = read("data: digits\nmethods: {flow: {}, standard: {}}\n")
    renamed = read("data: digits\nmethods: {flow: {}, plain: {method: standard}}\n")
    assert [cell.method for cell in alone.cells] == ["standard", "flow"]
    assert ids(named) == ids(renamed) == ids(alone)


def test_varying_settings_are_columns(read: Read) -> None:
    spec = read(
        "data: digits\n"
        "methods:\n"
        "  pgd: {vary: {pgd.epsilon: [51/255, 0.1]}}\n"
        "  maximum: {vary: {natural_weight: [0, 0.5]}}\n"
        "  flow: {}\n"
        "  pareto: {rho: 0.5, vary: {window: [20], training.epochs: [2, 3]}}\n"
    )
    assert spec.settings == ("pgd.epsilon", "natural_weight", "window", "training.epochs")
    assert [(cell.method, *cell.settings.values()) for cell in spec.cells] == [
        ("standard", None, None, None, 15),
        ("pgd", 0.2, 0.0, None, 15),
        ("pgd", 0.1, 0.0, None, 15),
        ("maximum", 0.2, 0.0, None, 15),
        ("maximum", 0.2, 0.5, None, 15),
        ("flow", None, 0.0, None, 15),
        ("pareto", 0.2, None, 20, 2),
        ("pareto", 0.2, None, 20, 3),
    ]


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        ("training.attacks.pgd.epsilon", [0.1, 0.2]),
        ("training.optimiser.learning_rate", [0.1, 0.2]),
        ("model.channels", [[8], [16, 32]]),
        ("data.train_examples", [100, 200]),
        ("attack_names", [["pgd"], ["pgd", "flow"]]),
    ],
)
def test_whatever_varies_tells_its_cells_apart(read: Read, axis: str, values: list[Any]) -> None:
    mine = {"method": "pareto", "rho": 0.4, "vary": {axis: values}}
    spec = read(f"data: digits\nmethods: {json.dumps({'mine': mine})}\n")
    assert [cell.settings[axis] for cell in spec.cells if cell.method == "mine"] == values
    assert len(set(ids(spec).values())) == 1 + len(values)


@pytest.mark.parametrize(
    ("methods", "than"),
    [
        ({"mine": {"method": "pgd", "vary": {"validation.every": [1, 2]}}}, "another cell of mine"),
        ({"pgd": {}, "mine": {"method": "pgd", "validation.examples": 7}}, "one of pgd"),
    ],
)
def test_what_validation_looks_at_makes_no_other_trials(
    read: Read, methods: dict[str, Any], than: str
) -> None:
    with pytest.raises(BadInput) as raised:
        read(f"data: digits\nmethods: {json.dumps(methods)}\n")
    assert f"methods.mine: must look at the same in validation as {than}, since" in str(
        raised.value
    )


def test_label_may_name_its_method(read: Read) -> None:
    spec = read(
        "data: digits\n"
        "training: {attacks: {strong: {attack: pgd, epsilon: 0.4, num_steps: 3}}}\n"
        "methods:\n"
        "  absolute: {method: pareto, r: 0.5}\n"
        "  strong: {strong.num_steps: 5}\n"
        "  both: {method: average, attack_names: [strong, flow]}\n"
    )
    trials = {cell.method: cell.trial for cell in spec.cells}
    assert trials["absolute"].method.model_dump()["r"] == 0.5
    assert trials["strong"].attacks["strong"].num_steps == 5
    assert trials["both"].attacks["strong"].num_steps == 3
    assert sorted(trials["both"].attacks) == ["flow", "strong"]


def test_null_takes_a_presets_attack_or_category_away(read: Read) -> None:
    spec = read(
        "data: digits\n"
        "training: {attacks: {rt: null}}\n"
        "validation: {attacks: {flow: null, rt: null}}\n"
        "evaluation: {rt: null}\n"
        "methods: {average: {attack_names: [pgd, flow]}}\n"
    )
    trial = spec.cells[1].trial
    assert list(trial.validation_attacks) == ["pgd"]
    assert list(spec.suite.categories) == ["pgd", "flow"]
    with pytest.raises(BadInput, match=r"\brt\b"):
        read("data: digits\ntraining: {attacks: {rt: null}}\nmethods: {average: {}}\n")


def test_radii_of_evaluation_are_its_own(read: Read) -> None:
    changed = "training: {attacks: {pgd: {epsilon: 0.4}}}\nvalidation: {attacks: {pgd: null}}\n"
    assert read(f"{DIGITS}{changed}").suite.id == read(DIGITS).suite.id


# --- ids


def test_equal_content_has_an_equal_id_in_any_sweep(read: Read) -> None:
    one = read("data: digits\nmethods: {pareto: {rho: 0.4}, pgd: {pgd.epsilon: 51/255}}\n")
    other = read(
        "name: other\n"
        "data: {root: elsewhere, name: digits}\n"
        "training: {attacks: {pgd: {epsilon: 0.2}}}\n"
        "methods:\n"
        "  mine: {vary: {window: [20, 50], rho: [4e-1, 0.7]}, method: pareto}\n"
        "  adversarial: {attack: pgd}\n"
        "seeds: [0, 5]\n"
        "resources: {cpu: 2}\n"
    )
    known, found = ids(one), ids(other)
    assert known["standard"] == found["standard"]
    assert known["pareto"] == found["mine window=50 rho=0.4"]
    assert known["pgd"] == found["adversarial"]
    assert len(set(found.values())) == 6


def test_standard_is_one_trial_whatever_attacks_vary(read: Read) -> None:
    weaker = read(f"{DIGITS}training: {{attacks: {{flow: {{epsilon: 0.01}}}}}}\n")
    assert ids(weaker)["standard"] == ids(read(DIGITS))["standard"]
    assert ids(weaker)["flow"] != ids(read(DIGITS))["flow"]


@pytest.mark.parametrize("path", SWEEPS, ids=[path.stem for path in SWEEPS])
def test_resolved_file_means_the_same_trials(read: Read, path: Path) -> None:
    spec = read(path.read_text(), "retries=5")
    again = read(spec.resolved_yaml())
    assert [cell.trial for cell in again.cells] == [cell.trial for cell in spec.cells]
    assert ids(again) == ids(spec)
    assert (again.suite, again.seeds, again.policy.retries) == (spec.suite, spec.seeds, 5)
    assert again.resolved_yaml() == spec.resolved_yaml()


def test_resolved_file_has_every_default_of_the_sweep(read: Read) -> None:
    resolved = read(DIGITS).resolved_yaml()
    (Path.cwd() / "resolved.yaml").write_text(resolved)
    value: Any = Document.read("resolved.yaml").value
    assert (value["name"], value["seeds"], value["storage"]) == ("sweep", [0], "runs")
    assert value["objectives"] == ["robustness_score", "sacrificed_accuracy"]
    assert value["resources"] == {"cpu": 1.0, "gpu": 0.0}
    assert value["training"]["optimiser"]["learning_rate"] == 0.002


def test_variables_stand_for_folders(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("SCRATCH", "/scratch/a$b")
    for written, meant in [
        ("${HOME}/runs", "/home/me/runs"),
        ("$SCRATCH/$HOME", "/scratch/a$b//home/me"),
        ("~/runs$$", "/home/me/runs$"),
    ]:
        spec = read(
            f"data: {{name: digits, root: '{written}'}}\nmethods: {{flow: {{}}}}\n",
            f"storage={written}",
            f"tracking=sqlite:///{written}.db",
        )
        assert spec.storage == str(Path(meant))
        assert spec.tracking == f"sqlite:///{meant}.db"
        assert {str(cell.trial.data.root_folder) for cell in spec.cells} == {str(Path(meant))}
        assert ids(spec) == ids(read(DIGITS))
        assert f"storage: {written}\n" in spec.resolved_yaml().replace("'", "")
        assert read(spec.resolved_yaml()).storage == spec.storage


def test_a_variable_that_is_not_set_is_refused_by_name(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH", raising=False)
    monkeypatch.setenv("EMPTY", "")
    for key in ("storage", "data.root"):
        for name, state in (("NO_SUCH", "not set"), ("EMPTY", "empty")):
            with pytest.raises(BadInput, match=rf"{key}: must .* where {name} is {state}; set it"):
                read(DIGITS.replace("digits", "{name: digits}"), f"{key}=${{{name}}}/runs")
    with pytest.raises(BadInput, match=r"tracking: must .* where NO_SUCH is not set"):
        read(DIGITS, "tracking=sqlite:///$NO_SUCH/x.db")
    with pytest.raises(BadInput, match=r"storage: must have \$NAME, \$\{NAME\}, or \$\$ for"):
        read(DIGITS, "storage=${A:-b}")
    assert read(DIGITS, "tracking=http://me:p$NO_SUCH@host").tracking == "http://me:p$NO_SUCH@host"


@pytest.mark.parametrize(
    "uri",
    [
        *("sqlite://", "sqlite:///", "sqlite:///:memory:", "http://", "file:///", "./mlruns"),
        *("postgres://host/db", "ftp://host/x"),
    ],
)
def test_tracking_where_nothing_would_be_kept_is_refused(read: Read, uri: str) -> None:
    with pytest.raises(BadInput, match="tracking: must be none, sqlite or a URI such as"):
        read(DIGITS, f"tracking='{uri}'")
    assert read(DIGITS, MLFLOW_TRACKING_URI=uri).tracking == "sqlite"  # which is told


@pytest.mark.parametrize("uri", ["mysql+pymysql://h/db", "sqlite+pysqlite:////a.db", "uc://me"])
def test_tracking_that_mlflow_knows_is_taken(read: Read, uri: str) -> None:
    assert read(DIGITS, f"tracking={uri}").tracking == uri


def test_reference_beyond_which_volumes_overflow_is_refused(read: Read) -> None:
    with pytest.raises(BadInput, match=r"hypervolume\.reference: must lie within 1e\+50 of 0"):
        read(DIGITS, "hypervolume.reference=[1e300, 1]")


def test_resolved_file_hides_passwords(read: Read) -> None:
    spec = read(DIGITS, "tracking=postgresql://me:p@ss:w/rd@host:5432/mlflow")
    assert spec.tracking.endswith("p@ss:w/rd@host:5432/mlflow")
    assert "tracking: postgresql://me:***@host:5432/mlflow" in spec.resolved_yaml()
    assert "p@ss" not in spec.resolved_yaml()


def test_resolved_file_hides_what_a_name_says_is_secret(read: Read) -> None:
    uri = "postgresql://host/mlflow?user=me&password=canary"
    model = '{name: "os.path:join", api_key: canary}'
    spec = read(f"{DIGITS}\nmodel: {model}", f"tracking={uri}")
    assert "?user=me&password=***" in spec.resolved_yaml()
    assert "api_key: '***'" in spec.resolved_yaml()
    assert "canary" not in spec.resolved_yaml()


# --- size


@pytest.mark.slow
def test_five_thousand_trials_are_read_and_planned_in_seconds(read: Read, store: Store) -> None:
    """Calls are counted, which are the same on every machine however busy it is."""

    def calls(points: int) -> int:
        values = [round(number / points, 6) for number in range(points)]
        pareto = f"{{pareto: {{vary: {{rho: {values}}}}}}}"
        with cProfile.Profile() as profile:
            spec = read(f"data: digits\nseeds: [0, 1, 2, 3, 4]\nmethods: {pareto}\n")
            trials = make_plan(spec, store).trials
        assert len(trials) == 5 * (points + 1)
        return sum(entry.callcount for entry in profile.getstats())

    calls(1)  # imports
    few = calls(250)
    started = time.process_time()
    many = calls(1000)
    assert many < 5 * few, "four times the trials may not take sixteen times the work"
    assert time.process_time() - started < 60, "nor may what counts as one call"


def test_settings_of_training_vary_by_method(read: Read) -> None:
    """A method without a knob of its own has a front too."""
    text = "data: digits\nmethods:\n  average: {}\n  rt:\n    training.epsilon_warmup: 2\n"
    knobs = {"training.radius_scale": [0.5, 1.0], "training.label_smoothing": [0.0, 0.1]}
    spec = read(text, *(f"methods.rt.vary={{{', '.join(f'{k}: {v}' for k, v in knobs.items())}}}",))
    cells = [cell for cell in spec.cells if cell.method == "rt"]
    assert [tuple(cell.settings.values()) for cell in cells] == [
        (0.5, 0.0), (0.5, 0.1), (1.0, 0.0), (1.0, 0.1)
    ]  # fmt: skip
    assert len({cell.id for cell in spec.cells}) == 6
    assert cells[1].trial.training.label_smoothing == 0.1
    assert cells[2].id == read(text).cells[2].id, "defaults change no id"
    average = next(cell for cell in spec.cells if cell.method == "average")
    assert average.settings == {
        key: values[-(key == "training.radius_scale")] for key, values in knobs.items()
    }
