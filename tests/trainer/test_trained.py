"""Weights from elsewhere: built from their record alone, checked, and running nothing."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import trainer
from tests.trainer.runs import run
from tests.trainer.test_card import card
from trainer.config import Trial
from trainer.data import Dataset
from trainer.input.checksum import checksum_line
from trainer.input.problems import BadInput
from trainer.trained import load_model, read_trained, stored_record, stored_weights
from trainer.training.folder import TrainingFolder
from trainer.weights.checkpoint import Weights

CODE = """
from pathlib import Path

from torch import nn

Path(__file__).with_name("ran").touch()


def network(image_shape, num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))
"""
HUB = "def network(**options):\n    open('ran', 'w').close()\n"


@pytest.fixture(scope="module")
def whole(small_trial: Callable[..., Trial]) -> tuple[Weights, nn.Module]:
    """Weights as training keeps them, and the network that they are of."""
    trial = small_trial()
    model, _ = run(trial)
    weights = Weights(
        trial=trial.record(), model=model.state_dict(), image_shape=(1, 8, 8), num_classes=10
    )
    return weights, model


@pytest.fixture
def put(tmp_path: Path) -> Callable[[Weights], Path]:
    """A file of weights, with a checksum that agrees."""

    def write(weights: Weights) -> Path:
        path = tmp_path / "weights.pt"
        path.write_bytes(weights.to_bytes())
        (tmp_path / "weights.pt.sha256").write_bytes(checksum_line("weights.pt", path.read_bytes()))
        return path

    return write


Put = Callable[[Weights], Path]
Whole = tuple[Weights, nn.Module]


# Built from the record


def test_a_folder_is_loaded_with_its_card(whole: Whole, put: Put, tmp_path: Path) -> None:
    weights, model = whole
    path = put(weights.to_hand_on())
    again = trainer.load(tmp_path)
    assert not again.training
    assert again.card is None
    images = torch.rand(3, 1, 8, 8)
    with torch.no_grad():
        assert torch.equal(again(images), model.eval()(images))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    beside = tmp_path / "card.json"
    beside.write_bytes(card(weights_sha256=sha256).to_json())
    assert trainer.load(str(tmp_path)).card == card(weights_sha256=sha256)
    beside.write_bytes(card().to_json())
    with pytest.raises(BadInput, match="weights_sha256: must be of the weights beside it"):
        trainer.load(tmp_path)
    beside.write_bytes(b"{}")
    with pytest.raises(BadInput, match="must be a model's card"):
        trainer.load(tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        trainer.load(tmp_path)


def test_what_is_handed_on_names_no_place(whole: Whole) -> None:
    weights, _ = whole
    here = weights.trial["data"] | {"root": "/home/me", "download": True, "cache": "/tmp/me"}
    other = replace(weights, trial=weights.trial | {"data": here}, step_weights=torch.ones(2, 1))
    handed_on = other.to_hand_on()
    assert b"/me" not in handed_on.to_bytes()
    assert handed_on.step_weights is None
    assert handed_on.trial | {"data": 0} == weights.trial | {"data": 0}
    kept = {k: v for k, v in weights.trial["data"].items() if k not in here or here[k] == v}
    assert handed_on.trial["data"] == {k: v for k, v in kept.items() if k != "root"}
    assert other.trial["data"]["root"] == "/home/me", "what is handed on is a copy"


def test_the_network_comes_back_without_its_data(whole: Whole, put: Put, digits: Dataset) -> None:
    weights, model = whole
    elsewhere = weights.trial | {"data": weights.trial["data"] | {"name": "mnist", "root": "/none"}}
    state = torch.get_rng_state()
    again = load_model(put(replace(weights, trial=elsewhere)))
    assert torch.equal(torch.get_rng_state(), state)
    images = digits.test.images_at(torch.arange(50))
    with torch.no_grad():
        assert torch.equal(again(images), model.eval()(images))
    assert not again.training


def test_files_of_before_the_shapes_were_kept_need_their_data(whole: Whole, put: Put) -> None:
    weights, model = whole
    old = io.BytesIO()
    torch.save({"trial": json.dumps(weights.trial), "model": weights.model}, old)
    read = Weights.from_bytes(old.getvalue())
    assert (read.image_shape, read.num_classes) == (None, None)
    again = load_model(put(read))
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in again.state_dict().items())


def test_shapes_come_back_from_the_bytes(whole: Whole) -> None:
    again = Weights.from_bytes(whole[0].to_bytes())
    assert (again.image_shape, again.num_classes) == ((1, 8, 8), 10)


# Tensors that are not as they must be


def spoiled(tensor: torch.Tensor, value: float) -> torch.Tensor:
    changed = tensor.clone()
    changed.view(-1)[0] = value
    return changed


LAST = "1.9.weight"
SPOILED: dict[str, tuple[str, Callable[[torch.Tensor], Any], str]] = {
    "NaN": (
        LAST,
        lambda w: spoiled(w, float("nan")),
        "must be finite, got NaN or infinity in 1 of",
    ),
    "infinity": (LAST, lambda w: spoiled(w, float("inf")), "must be finite"),
    "a buffer": ("0.std", lambda w: spoiled(w, float("nan")), "must be finite"),
    "complex": (LAST, lambda w: w.to(torch.complex64), "got torch.complex64"),
    "half": (LAST, lambda w: w.half(), "must be torch.float32"),
    "sparse": (LAST, lambda w: w.to_sparse(), "torch.sparse_coo"),
    "shape": (LAST, lambda w: w[:5].clone(), "must be of shape (10, 64)"),
    "no tensor": (LAST, lambda w: 3, "got no such tensor"),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_a_tensor_that_is_not_as_it_must_be_is_named(kind: str, whole: Whole, put: Put) -> None:
    name, change, message = SPOILED[kind]
    weights, _ = whole
    path = put(replace(weights, model=weights.model | {name: change(weights.model[name])}))
    with pytest.raises(BadInput) as caught:
        load_model(path)
    assert str(caught.value).startswith(f"{path}: {name}: must ")
    assert message in str(caught.value)


def test_a_tensor_too_many_or_too_few_is_named(whole: Whole, put: Put) -> None:
    weights, _ = whole
    with pytest.raises(BadInput, match="more: must not be there"):
        load_model(put(replace(weights, model=weights.model | {"more": torch.zeros(2)})))
    fewer = {name: it for name, it in weights.model.items() if name != LAST}
    with pytest.raises(BadInput, match=rf"{LAST}: must be of shape .* got no such tensor"):
        load_model(put(replace(weights, model=fewer)))


def test_a_mask_may_be_infinite_where_the_networks_own_is() -> None:
    class Masked(nn.Module):
        def __init__(self, last: float) -> None:
            super().__init__()
            self.register_buffer("mask", torch.tensor([0.0, last]))

    state = {"mask": torch.tensor([0.0, float("-inf")])}
    Weights(trial={}, model=state).load_into(Masked(float("-inf")), where="here")
    with pytest.raises(BadInput, match="here: mask: must be finite"):
        Weights(trial={}, model=state).load_into(Masked(0.0), where="here")


def test_bytes_that_disagree_with_their_checksum_are_refused(whole: Whole, put: Put) -> None:
    path = put(whole[0])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadInput, match="must have the SHA-256"):
        load_model(path)
    path.with_name("weights.pt.sha256").write_text("nonsense\n")
    with pytest.raises(BadInput, match="must have the SHA-256"):
        load_model(path)


# Code


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], bool]]:
    """Modules `of_theirs` on the path and `hub/hubconf` beside it; whether either was run."""
    (tmp_path / "of_theirs.py").write_text(CODE)
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "hubconf.py").write_text(HUB)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "of_theirs", raising=False)
    yield lambda: (tmp_path / "ran").exists() or "of_theirs" in sys.modules
    sys.modules.pop("of_theirs", None)


NAMED: dict[str, tuple[str, dict[str, Any]]] = {
    "network": ("model", {"name": "of_theirs:network"}),
    "hub": (
        "model",
        {"name": "torch.hub:load", "repo_or_dir": "hub", "model": "network", "source": "local"},
    ),
    "data": ("data", {"name": "of_theirs:network", "validation": 1}),
}


@pytest.mark.parametrize("kind", NAMED)
def test_code_that_a_file_names_is_not_run(
    kind: str, whole: Whole, put: Put, foreign: Callable[[], bool]
) -> None:
    section, named = NAMED[kind]
    path = put(replace(whole[0], trial=whole[0].trial | {section: named}))
    with pytest.raises(BadInput) as caught:
        load_model(path)
    message = str(caught.value)
    assert f"{path}: {section}.name: must be a" in message
    assert repr(named["name"]) in message
    assert "--trust-code" in message
    assert not foreign()


def test_code_that_is_trusted_is_run(whole: Whole, put: Put, foreign: Callable[[], bool]) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    shapes = {"0.mean": torch.zeros(1, 1, 1), "0.std": torch.ones(1, 1, 1)}
    state = shapes | {f"1.{name}": it for name, it in network.state_dict().items()}
    trial = whole[0].trial | {"model": {"name": "of_theirs:network"}}
    again = load_model(put(replace(whole[0], trial=trial, model=state)), trust_code=True)
    images = torch.rand(2, 1, 8, 8)
    with torch.no_grad():
        assert torch.equal(again(images), network(images))
    assert foreign()


def test_a_file_that_was_made_here_is_trusted_wherever_it_lies(
    whole: Whole, tmp_path: Path, foreign: Callable[[], bool]
) -> None:
    """A changed one is not, though its name and its checksum are right."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    shapes = {"0.mean": torch.zeros(1, 1, 1), "0.std": torch.ones(1, 1, 1)}
    state = shapes | {f"1.{name}": it for name, it in network.state_dict().items()}
    trial = whole[0].trial | {"model": {"name": "of_theirs:network"}}
    weights = replace(whole[0], trial=trial, model=state)
    (made,) = TrainingFolder(tmp_path / "trained").finish(weights, best=None)
    changed = made.with_name("changed.pt")
    changed.write_bytes(replace(weights, trial=trial | {"seed": 5}).to_bytes())
    with pytest.raises(BadInput, match="would be imported and run"):
        load_model(changed)
    assert not foreign()
    load_model(made.rename(tmp_path / "moved.pt"))
    assert foreign()


def test_attacks_and_methods_of_ones_own_are_no_matter(
    whole: Whole, put: Put, foreign: Callable[[], bool]
) -> None:
    """It takes neither to build the network."""
    trial = whole[0].trial
    training = trial["training"] | {"attacks": {"mine": {"attack": "of_theirs:network"}}}
    validation = trial["validation"] | {"attacks": {"mine": {"attack": "of_theirs:network"}}}
    own = {"method": {"method": "of_theirs:network"}, "training": training}
    load_model(put(replace(whole[0], trial=trial | own | {"validation": validation})))
    assert not foreign()


def test_downloads_and_caches_are_the_readers_own(whole: Whole, put: Put) -> None:
    data = whole[0].trial["data"] | {"download": True, "cache": "/theirs"}
    path = put(replace(whole[0], trial=whole[0].trial | {"data": data}))
    read = read_trained(path, trust_code=False).data
    assert (read.download, read.cache) == (False, None)
    read = read_trained(path, trust_code=True).data
    assert (read.download, read.cache) == (True, "/theirs")


# A sweep's trial


def test_what_is_no_trial_of_a_storage_is_told(tmp_path: Path) -> None:
    trial_id = "t0123456789abcdef"
    folder = tmp_path / "trials" / trial_id
    for storage, name, message in (
        ("s3://bucket/prefix", trial_id, r"must be a folder on this machine, got 's3:"),
        (str(tmp_path), "../../etc", r"must be the id of a trial.*got '\.\./\.\./etc'"),
        (str(tmp_path), trial_id, rf"must be a trial that has weights, and there is no {folder}"),
    ):
        with pytest.raises(BadInput, match=message):
            stored_weights(storage, name)
    folder.mkdir(parents=True)
    (folder / "result.json").write_text("{}")
    with pytest.raises(BadInput, match="must be the record of a trained trial"):
        stored_weights(str(tmp_path), trial_id)


def test_what_a_trial_of_a_storage_is_stands_in_its_record(tmp_path: Path) -> None:
    folder = tmp_path / "trials" / "t0"
    folder.mkdir(parents=True)
    assert stored_record(str(tmp_path), "t0") is None
    (folder / "trial.json").write_text(json.dumps({"record": {"trial": {"seed": 3}}}))
    found = stored_record(str(tmp_path), "t0")
    assert found is not None
    assert found.value == {"seed": 3}
    (folder / "trial.json").write_text("[]")
    assert stored_record(str(tmp_path), "t0") is None


def test_what_is_no_trained_model_is_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("none")
    with pytest.raises(ValueError, match=rf"^WEIGHTS must be a trained model, got {path} \("):
        read_trained(path, trust_code=False)
