"""Data sets: their settings, the cut into splits, and what is said when files are missing."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from filelock import FileLock
from pydantic import ValidationError
from sklearn.datasets import load_digits

from trainer.data import (
    DATASETS,
    DataSettings,
    MissingData,
    Pictures,
    Split,
    fingerprint,
    load,
    steering_part,
)
from trainer.data.settings import Name

CPU = torch.device("cpu")
GOLDEN_STEERING = [312, 711, 732, 930, 1357]
GOLDEN_VALIDATION = [12, 71, 312, 654, 711, 732, 930, 1147, 1329, 1357]
GOLDEN_TRAIN = [243, 255, 363, 488, 539, 688, 963, 1024, 1056, 1401]
GOLDEN_TEST = [177, 180, 189, 252, 265, 274, 296, 325, 328, 341]


def digits(**changes: object) -> DataSettings:
    return DataSettings.model_validate({"name": "digits", "validation": 200} | changes)


# Settings


def test_registry_has_exactly_the_names_of_the_settings() -> None:
    assert set(DATASETS) == set(get_args(Name))


def test_content_says_what_and_not_where() -> None:
    here = digits(root="/somewhere", download=True, cache="/elsewhere")
    assert here.content() == {"name": "digits", "validation": 200}
    assert digits(verify=False).content()["verify"] is False


@pytest.mark.parametrize(
    ("changes", "pieces"),
    [
        ({"name": "minst"}, ["known data set", "'minst'", "did you mean 'mnist'", "cifar10"]),
        ({"validation": 0}, ["validation", "greater than or equal to 1"]),
        ({"augmentation": "flip"}, ["augmentation", "crop_flip"]),
        ({"validaton": 5}, ["validaton", "not permitted"]),
    ],
)
def test_bad_settings_are_refused_by_name(changes: dict[str, object], pieces: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        digits(**changes)
    for piece in pieces:
        assert piece in str(caught.value)


def test_cache_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert digits().cache_folder == Path("/xdg/pareto-robustness-sweep")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert digits().cache_folder == Path("/home/someone/.cache/pareto-robustness-sweep")
    assert digits(cache="decoded").cache_folder == Path.cwd() / "decoded"


# The cut


@pytest.mark.parametrize("validation", [1, 10, 123, 1437])
def test_training_and_validation_images_are_disjoint_and_together_all(validation: int) -> None:
    data = load(digits(validation=validation), CPU)
    assert len(data.validation) == validation
    rows = torch.cat([data.train.rows, data.validation.rows])
    assert torch.equal(rows.sort().values, torch.arange(1438))
    assert len(data.train) + len(data.validation) + len(data.test) == 1797


def test_validation_has_each_class_in_proportion() -> None:
    data = load(digits(), CPU)
    everything = torch.cat([data.train.labels, data.validation.labels]).bincount()
    expected = everything * (200 / 1438)
    assert (data.validation.labels.bincount() - expected).abs().max() < 1


@pytest.mark.parametrize("validation", [1, 2, 9, 200])
def test_half_of_the_validation_images_steer(validation: int) -> None:
    """With the classes in proportion; by the split seed alone, whatever else is asked of the data.
    One image does both."""
    data = load(digits(validation=validation), CPU)
    assert len(data.steers) == validation
    assert len(data.steering) == int(data.steers.sum()) == max(1, validation // 2)
    assert set(data.steering.rows.tolist()) <= set(data.validation.rows.tolist())
    expected = data.validation.labels.bincount(minlength=10) * (len(data.steering) / validation)
    assert (data.steering.labels.bincount(minlength=10) - expected).abs().max() < 1
    again = load(digits(validation=validation, train_examples=20, test_examples=10), CPU)
    assert torch.equal(again.steers, data.steers)


def test_another_split_seed_steers_by_other_images() -> None:
    labels = load(digits(), CPU).validation.labels
    one, other = (steering_part(labels, split_seed=seed) for seed in (0, 1))
    assert not torch.equal(one, other)


def test_fewer_examples_are_balanced_and_leave_validation_alone() -> None:
    whole = load(digits(), CPU)
    part = load(digits(train_examples=100, test_examples=50), CPU)
    assert part.train.labels.bincount().tolist() == [10] * 10
    assert part.test.labels.bincount().tolist() == [5] * 10
    assert set(part.train.rows.tolist()) <= set(whole.train.rows.tolist())
    assert torch.equal(part.validation.rows, whole.validation.rows)


def test_cut_depends_on_the_split_seed_alone() -> None:
    first, again = load(digits(), CPU), load(digits(root="elsewhere"), CPU)
    other = load(digits(split_seed=1), CPU)
    assert torch.equal(first.validation.rows, again.validation.rows)
    assert not torch.equal(first.validation.rows, other.validation.rows)
    assert torch.equal(first.test.stored, other.test.stored)


def test_cut_is_the_same_in_every_version() -> None:
    """Golden: a change here makes other models of the same settings."""
    data = load(digits(validation=10, test_examples=10, train_examples=10), CPU)
    assert data.steering.rows.tolist() == GOLDEN_STEERING
    assert data.validation.rows.tolist() == GOLDEN_VALIDATION
    assert data.train.rows.tolist() == GOLDEN_TRAIN
    assert data.test.rows.tolist() == GOLDEN_TEST


def test_labels_and_images_stay_together() -> None:
    data = load(digits(), CPU)
    source = load_digits()
    known = {
        np.rint(image * (255 / 16)).astype(np.uint8).tobytes(): target
        for image, target in zip(source.images, source.target, strict=True)
    }
    for split in (data.train, data.validation, data.test):
        pixels = split.stored[split.rows].numpy()
        found = [known[image.tobytes()] for image in pixels]
        assert found == split.labels.tolist()


@pytest.mark.parametrize(
    ("changes", "pieces"),
    [
        ({"validation": 1438}, ["data.validation", "at most 1437", "got 1438", "ask for fewer"]),
        ({"train_examples": 1239}, ["data.train_examples", "at most 1238", "got 1239", "200 of"]),
        ({"test_examples": 360}, ["data.test_examples", "at most 359", "got 360"]),
    ],
)
def test_more_images_than_there_are(changes: dict[str, object], pieces: list[str]) -> None:
    with pytest.raises(ValueError, match=r"data\.") as caught:
        load(digits(**changes), CPU)
    for piece in pieces:
        assert piece in str(caught.value)


def test_only_training_images_are_augmented() -> None:
    data = load(digits(augmentation="crop_flip"), CPU)
    assert data.train.augmentation == "crop_flip"
    indices, keys = torch.arange(50), torch.arange(50)
    for split in (data.validation, data.test):
        assert torch.equal(split.augmented(indices, keys), split.images_at(indices))


# Missing files


@pytest.mark.parametrize(
    ("name", "folder", "file"),
    [
        ("mnist", "MNIST/raw", "t10k-labels-idx1-ubyte"),
        ("fashion_mnist", "FashionMNIST/raw", "train-images-idx3-ubyte"),
        ("cifar10", "cifar-10-batches-py", "data_batch_5"),
        ("caltech256", "caltech256/256_ObjectCategories", ".jpg"),
    ],
)
def test_missing_files_are_named_and_not_downloaded(
    name: str, folder: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.chdir(tmp_path)
    settings = DataSettings(name=name, root="data", validation=10)
    for action in (lambda: fingerprint(settings), lambda: load(settings, CPU)):
        with pytest.raises(MissingData) as caught:
            action()
        message = str(caught.value)
        assert str(tmp_path / "data" / folder) in message
        for piece in (name, file, "`download: true`", "--download", "put the files there"):
            assert piece in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10", "caltech256"])
def test_failed_download_says_why(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    settings = DataSettings(name=name, root=str(tmp_path), validation=10, download=True)
    with pytest.raises(MissingData, match="could not be downloaded") as caught:
        fingerprint(settings)
    assert name in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert isinstance(caught.value.__cause__, (OSError, RuntimeError))


# A user's own source


@dataclass(frozen=True)
class Stripes:
    """Dark images of class 0 and bright ones of class 1, in a file that nobody can download."""

    downloadable: bool = False

    def missing(self, settings: DataSettings) -> str | None:
        file = settings.root_folder / "stripes.bin"
        return None if file.exists() else f"stripes.bin in {settings.root_folder}"

    def download(self, settings: DataSettings) -> None:
        raise AssertionError("must not be called")

    def fingerprint(self, settings: DataSettings) -> str:
        return "stripes"

    def read(self, settings: DataSettings) -> Pictures:
        labels = torch.arange(20) % 2
        images = (labels * 200).to(torch.uint8)[:, None, None, None].expand(20, 1, 4, 4)
        split = Split.of(images, labels)
        return Pictures(train=split, test=split, num_classes=2, mean=(0.4,), std=(0.4,))


STRIPES = Stripes()


def test_a_users_own_source(tmp_path: Path) -> None:
    settings = DataSettings(
        name=f"{__name__}:STRIPES", root=str(tmp_path), validation=4, download=True
    )
    with pytest.raises(MissingData) as caught:
        load(settings, CPU)
    assert f"stripes.bin in {tmp_path}" in str(caught.value)
    assert "--download" not in str(caught.value)

    (tmp_path / "stripes.bin").touch()
    assert fingerprint(settings) == "stripes"
    data = load(settings, CPU)
    assert data.validation.labels.bincount().tolist() == [2, 2]
    assert data.image_shape == (1, 4, 4)
    bright = data.test.images_at(torch.tensor([1]))
    assert torch.equal(bright, torch.full((1, 1, 4, 4), 200.0) / 255)


GREY = Split.of(torch.zeros(4, 1, 4, 4, dtype=torch.uint8), torch.arange(4) % 2)
FITTING = {"train": GREY, "test": GREY, "num_classes": 2, "mean": (0.4,), "std": (0.4,)}


def relabelled(*labels: int) -> Split:
    return Split.of(GREY.stored, torch.tensor(labels))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"num_classes": 1}, "labels of training images .* from 0 to 0, got 1 at index 1"),
        ({"test": relabelled(0, 1, -1, 2)}, "labels of test .* from 0 to 1, got -1 at index 2"),
        ({"test": GREY.select(torch.tensor([], dtype=torch.int64))}, "test images .* got none"),
        (
            {"test": Split.of(torch.zeros(4, 1, 4, 5, dtype=torch.uint8), torch.arange(4) % 2)},
            r"of one shape C H W, got \(1, 4, 4\) and \(1, 4, 5\)",
        ),
        ({"mean": (0.4,) * 3}, "mean and std must be 1 finite numbers each"),
        ({"mean": (float("nan"),)}, "mean and std must be 1 finite numbers each"),
        ({"std": (0.0,)}, "std above 0"),
    ],
)
def test_what_a_source_gives_must_fit(changes: dict[str, Any], rule: str) -> None:
    Pictures(**FITTING)
    with pytest.raises(ValueError, match=rule):
        Pictures(**FITTING | changes)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool, torch.complex64])
def test_labels_are_whole_numbers(dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match="labels must be whole numbers, got torch"):
        Split.of(GREY.stored, torch.zeros(4, dtype=dtype))


def test_a_source_that_cannot_be_imported() -> None:
    settings = DataSettings(name="no_such_module:thing", validation=1)
    with pytest.raises(ValueError, match=r"data\.name .*no_such_module:thing.*PYTHONPATH"):
        fingerprint(settings)


@dataclass(frozen=True)
class Fetched(Stripes):
    """Stripes in a file that a download leaves."""

    downloadable: bool = True

    def download(self, settings: DataSettings) -> None:
        (settings.root_folder / "stripes.bin").write_text("downloaded here")


FETCHED = Fetched()


@pytest.mark.parametrize("by_another", [False, True])
def test_missing_files_are_downloaded_once_where_that_is_allowed(
    by_another: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "new"
    file = root / "stripes.bin"
    settings = DataSettings(name=f"{__name__}:FETCHED", root=str(root), validation=4)
    with pytest.raises(MissingData, match=r"allow the download with `download: true`"):
        load(settings, CPU)
    assert not root.exists()

    if by_another:
        taken = FileLock.acquire

        def acquired(lock: FileLock, *arguments: Any, **options: Any) -> Any:
            proxy = taken(lock, *arguments, **options)
            file.write_text("downloaded by another process")
            return proxy

        monkeypatch.setattr(FileLock, "acquire", acquired)
    data = load(settings.model_copy(update={"download": True}), CPU)
    assert data.num_classes == 2
    assert file.read_text() == (
        "downloaded by another process" if by_another else "downloaded here"
    )
