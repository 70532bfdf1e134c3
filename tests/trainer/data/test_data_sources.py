"""Each data set's files: what is read from them, and the fingerprint of their content."""

from __future__ import annotations

import gzip
import logging
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from trainer.data import DATASETS, DataSettings, Pictures, fingerprint, load

CPU = torch.device("cpu")
GOLDEN_DIGITS = "f6d9e39f37dc45d3"


# Digits


def test_digits_fingerprint_is_golden() -> None:
    settings = DataSettings(name="digits", validation=200)
    assert fingerprint(settings).startswith(GOLDEN_DIGITS)
    elsewhere = DataSettings(name="digits", validation=7, root="elsewhere")
    assert fingerprint(elsewhere).startswith(GOLDEN_DIGITS)


def test_normalisation_of_digits_is_of_the_training_images() -> None:
    assert_moments(DATASETS["digits"].read(DataSettings(name="digits", validation=200)))


def assert_moments(pictures: Pictures) -> None:
    """The source's constants are the moments of its training pixels, to four places."""
    levels = torch.arange(256) / 255
    for channel, (mean, std) in enumerate(zip(pictures.mean, pictures.std, strict=True)):
        pixels = pictures.train.stored[:, channel].flatten()
        shares = pixels.bincount(minlength=256).double() / len(pixels)
        found = (shares * levels).sum().item()
        spread = (shares * (levels - found) ** 2).sum().sqrt().item()
        assert mean == pytest.approx(found, abs=5.1e-5)
        assert std == pytest.approx(spread, abs=5.1e-5)


# MNIST's format


def idx_bytes(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_mnist(root: Path, folder: str) -> dict[str, np.ndarray]:
    raw = root / folder / "raw"
    raw.mkdir(parents=True)
    random = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 40), ("t10k", 10)):
        arrays[f"{part}-images-idx3-ubyte"] = random.integers(0, 256, (count, 28, 28))
        arrays[f"{part}-labels-idx1-ubyte"] = np.arange(count) % 10
    for name, array in arrays.items():
        (raw / name).write_bytes(idx_bytes(array))
    return arrays


@pytest.mark.parametrize(
    ("name", "folder"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")]
)
def test_idx_files_are_read_as_written(name: str, folder: str, tmp_path: Path) -> None:
    arrays = write_mnist(tmp_path, folder)
    settings = DataSettings(name=name, root=str(tmp_path), validation=10)
    data = load(settings, CPU)
    for split, part in ((data.train, "train"), (data.validation, "train"), (data.test, "t10k")):
        rows = split.rows.numpy()
        images = arrays[f"{part}-images-idx3-ubyte"][rows, None]
        assert np.array_equal(split.stored[split.rows].numpy(), images)
        assert np.array_equal(split.labels.numpy(), arrays[f"{part}-labels-idx1-ubyte"][rows])


def test_fingerprint_is_of_the_bytes_and_not_of_the_place(tmp_path: Path) -> None:
    write_mnist(tmp_path / "a", "MNIST")
    write_mnist(tmp_path / "b", "MNIST")
    at = [DataSettings(name="mnist", root=str(tmp_path / place), validation=10) for place in "ab"]
    assert fingerprint(at[0]) == fingerprint(at[1])
    file = tmp_path / "b/MNIST/raw/t10k-labels-idx1-ubyte"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    assert fingerprint(at[0]) != fingerprint(at[1])


IMAGES, LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("name", "damaged", "rule"),
    [
        (LABELS, b"<html>404</html>", "whole, unpacked IDX file"),
        (IMAGES, b"", "whole, unpacked IDX file"),
        (IMAGES, gzip.compress(b"whatever", mtime=0), "whole, unpacked IDX file"),
        (IMAGES, lambda whole: whole[:-100], "whole, unpacked IDX file"),
        (LABELS, lambda whole: whole + b"more", "whole, unpacked IDX file"),
        (LABELS, lambda whole: whole[:-1] + b"\xc8", "from 0 to 9, got 200 at index 9"),
        (LABELS, idx_bytes(np.arange(9)), "a label for each of the 10 images"),
        (LABELS, idx_bytes(np.zeros((10, 28, 28))), "whole, unpacked IDX file"),
    ],
)
def test_an_idx_file_that_is_none_is_named(
    name: str, damaged: bytes | Callable[[bytes], bytes], rule: str, tmp_path: Path
) -> None:
    write_mnist(tmp_path, "MNIST")
    file = tmp_path / "MNIST/raw" / name
    file.write_bytes(damaged if isinstance(damaged, bytes) else damaged(file.read_bytes()))
    with pytest.raises(ValueError, match=rule) as caught:
        load(DataSettings(name="mnist", root=str(tmp_path), validation=10), CPU)
    assert str(file) in str(caught.value)


# CIFAR-10's format


def write_cifar(root: Path) -> None:
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        pixels = random.integers(0, 256, (10, 3072)).astype(np.uint8)
        (folder / name).write_bytes(pickle.dumps({"data": pixels, "labels": list(range(10))}))
    meta = {"label_names": [str(number) for number in range(10)]}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta))


def test_partial_cifar_is_read_only_on_request(tmp_path: Path) -> None:
    write_cifar(tmp_path)
    strict = DataSettings(name="cifar10", root=str(tmp_path), validation=10)
    before = sorted(tmp_path.rglob("*"))
    for settings in (strict, strict.model_copy(update={"download": True})):
        with pytest.raises(ValueError, match="not the published ones") as caught:
            fingerprint(settings)
        assert "data_batch_1" in str(caught.value)
        assert "`verify: false`" in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before

    data = load(strict.model_copy(update={"verify": False}), CPU)
    assert (len(data.train), len(data.validation), len(data.test)) == (40, 10, 10)
    assert data.image_shape == (3, 32, 32)
    batch = pickle.loads((tmp_path / "cifar-10-batches-py/test_batch").read_bytes())
    assert np.array_equal(data.test.stored.flatten(1).numpy(), batch["data"])


class RunsCode:
    """What a hostile pickle holds: a call of any function, made on loading."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.mark),))


@pytest.mark.parametrize(
    ("batch", "rule"),
    [
        ({"data": np.zeros((2, 3072), np.uint8)}, "'labels'"),
        ({"data": np.zeros((2, 3072), np.uint8), "fine_labels": [1, 2]}, "'labels'"),
        ({"data": np.zeros((2, 100), np.uint8), "labels": [1, 2]}, "3072 bytes"),
        ({"data": np.zeros((2, 3072)), "labels": [1, 2]}, "data of float64"),
        ({"data": np.zeros((2, 32, 32, 3), np.uint8), "labels": [1, 2]}, "of shape (2, 32, 32, 3)"),
        ({"data": np.zeros((4, 1536), np.uint8), "labels": [1, 2]}, "data of shape (4, 1536)"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [1, 2, 3]}, "3072 bytes"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [1, 10]}, "from 0 to 9, got 10"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [-1, 1]}, "from 0 to 9, got -1"),
        ([1, 2], "a pickle of `data`"),
    ],
)
def test_a_cifar_batch_of_something_else_is_named(batch: object, rule: str, tmp_path: Path) -> None:
    assert_cifar_names(tmp_path, pickle.dumps(batch), rule)


def test_a_damaged_cifar_batch_is_named(tmp_path: Path) -> None:
    whole = pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [1, 2]})
    assert_cifar_names(tmp_path, whole[:-50], "a pickle of `data`")


def test_a_cifar_batch_runs_no_code(tmp_path: Path) -> None:
    mark = tmp_path / "it ran"
    hostile = pickle.dumps({"data": RunsCode(mark), "labels": [1]})
    assert_cifar_names(tmp_path, hostile, "it asks for posix.mkdir")
    assert not mark.exists()


def assert_cifar_names(root: Path, batch: bytes, rule: str) -> None:
    """A folder whose third batch is `batch` is refused, by that file's name and the rule."""
    write_cifar(root)
    file = root / "cifar-10-batches-py/data_batch_3"
    file.write_bytes(batch)
    with pytest.raises(ValueError, match=re.escape(rule)) as caught:
        load(DataSettings(name="cifar10", root=str(root), validation=10, verify=False), CPU)
    assert str(file) in str(caught.value)


# Caltech-256's format


def write_caltech(root: Path, *, classes: int, photographs: int) -> DataSettings:
    random = np.random.default_rng(0)
    for label in range(classes):
        folder = root / "caltech256/256_ObjectCategories" / f"{label + 1:03d}.thing"
        folder.mkdir(parents=True)
        for number in range(photographs):
            pixels = random.integers(0, 256, (30, 40, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{label + 1:03d}_{number + 1:04d}.jpg")
        (folder / "RENAME2").touch()  # such things lie in the published archive
    return DataSettings(
        name="caltech256", root=str(root), validation=classes, cache=str(root / "cache")
    )


def replace_photograph(settings: DataSettings, image: Image.Image) -> None:
    """Put a lossless image in the place of the first: what is decoded is known exactly."""
    folder = settings.root_folder / "caltech256/256_ObjectCategories/001.thing"
    image.save(folder / "001_0001.jpg", format="PNG")


def test_caltech_holds_a_fifth_of_each_class_for_the_test(tmp_path: Path) -> None:
    settings = write_caltech(tmp_path, classes=3, photographs=10)
    data = load(settings, CPU)
    assert data.num_classes == 3
    assert data.image_shape == (3, 224, 224)
    assert data.test.labels.bincount().tolist() == [2, 2, 2]
    assert data.validation.labels.bincount().tolist() == [1, 1, 1]
    rows = torch.cat([data.train.rows, data.validation.rows, data.test.rows])
    assert torch.equal(rows.sort().values, torch.arange(30))
    assert data.train.images_at(torch.tensor([0, 5])).shape == (2, 3, 224, 224)


@pytest.mark.parametrize("wide", [True, False])
def test_caltech_keeps_the_centre_square(wide: bool, tmp_path: Path) -> None:
    settings = write_caltech(tmp_path, classes=1, photographs=5)
    pixels = np.random.default_rng(1).integers(0, 256, (256, 300, 3)).astype(np.uint8)
    square = pixels[:, 22:278]
    if not wide:
        pixels, square = pixels.transpose(1, 0, 2), square.transpose(1, 0, 2)
    replace_photograph(settings, Image.fromarray(np.ascontiguousarray(pixels)))
    stored = load(settings, CPU).train.stored
    assert np.array_equal(stored[0].permute(1, 2, 0).numpy(), square)


def test_caltech_scales_the_shorter_side_and_makes_grey_rgb(tmp_path: Path) -> None:
    settings = write_caltech(tmp_path, classes=1, photographs=5)
    grey = np.zeros((512, 1024), np.uint8)
    grey[:, 512:] = 200
    replace_photograph(settings, Image.fromarray(grey))
    stored = load(settings, CPU).train.stored[0]
    assert torch.equal(stored[0], stored[1])
    assert torch.equal(stored[0], stored[2])
    assert stored[:, :, :126].max() == 0
    assert stored[:, :, 130:].min() == 200


def test_caltech_is_decoded_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = write_caltech(tmp_path, classes=2, photographs=5)
    with caplog.at_level(logging.INFO, logger="trainer.data"):
        first = load(settings, CPU)
        second = load(settings.model_copy(update={"split_seed": 1}), CPU)
    decoding = [record for record in caplog.records if record.levelno == logging.INFO]
    assert [record.getMessage() for record in decoding] == [
        f"Caltech-256: decoded 10 of 10 images into {next((tmp_path / 'cache').glob('*.uint8'))}"
    ]
    assert torch.equal(first.train.stored, second.train.stored)
    assert not list((tmp_path / "cache").glob("*.unfinished"))


def test_another_photograph_is_another_fingerprint_and_another_map(tmp_path: Path) -> None:
    settings = write_caltech(tmp_path, classes=1, photographs=5)
    before = fingerprint(settings)
    load(settings, CPU)
    replace_photograph(settings, Image.new("RGB", (256, 256), (7, 8, 9)))
    assert fingerprint(settings) != before
    first = load(settings, CPU).train.stored[0]
    assert first.flatten(1).unique(dim=1).flatten().tolist() == [7, 8, 9]


def test_an_unreadable_photograph_is_named_and_leaves_no_map(tmp_path: Path) -> None:
    settings = write_caltech(tmp_path, classes=1, photographs=5)
    broken = tmp_path / "caltech256/256_ObjectCategories/001.thing/001_0003.jpg"
    broken.write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"001_0003\.jpg must be a readable, opaque image"):
        load(settings, CPU)
    assert not list((tmp_path / "cache").glob("*.uint8"))


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    settings = write_caltech(tmp_path, classes=1, photographs=5)
    occupied = tmp_path / "occupied"
    occupied.touch()
    with pytest.raises(ValueError, match=r"data\.cache must be a folder with room") as caught:
        load(settings.model_copy(update={"cache": str(occupied / "below")}), CPU)
    assert str(occupied) in str(caught.value)


def class_folder(settings: DataSettings, name: str) -> Path:
    return settings.root_folder / "caltech256/256_ObjectCategories" / name


@pytest.mark.parametrize("trace", [".ipynb_checkpoints", ".thumbnails", "__MACOSX", "empty.txt"])
def test_what_is_no_class_moves_no_label(
    trace: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = write_caltech(tmp_path, classes=2, photographs=5)
    before = fingerprint(settings)
    if trace.endswith(".txt"):
        class_folder(settings, trace).touch()
    else:
        shutil.copytree(class_folder(settings, "002.thing"), class_folder(settings, trace))
    companion = class_folder(settings, "001.thing") / "._001_0001.jpg"
    companion.write_bytes(bytes.fromhex("00051607") + bytes(200))
    nested = class_folder(settings, "002.thing") / "more.jpg"
    nested.mkdir()

    data = load(settings, CPU)
    assert data.num_classes == 2
    assert len(data.train) + len(data.validation) + len(data.test) == 10
    assert fingerprint(settings) == before
    (told,) = (record.getMessage() for record in caplog.records if trace in record.getMessage())
    assert "001.thing/._001_0001.jpg" in told
    assert "002.thing/more.jpg" in told


def test_many_entries_that_are_left_out_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = write_caltech(tmp_path, classes=1, photographs=5)
    for number in range(30):
        (class_folder(settings, "001.thing") / f"note_{number:02d}.txt").touch()
    fingerprint(settings)
    (told,) = (record.getMessage() for record in caplog.records if "note_00" in record.getMessage())
    named = told.count("001.thing/")
    assert 0 < named < 31
    assert f" and {31 - named} more" in told  # RENAME2 is the 31st


def test_photographs_of_any_usual_suffix_count(tmp_path: Path) -> None:
    settings = write_caltech(tmp_path, classes=3, photographs=5)
    for path in class_folder(settings, "001.thing").glob("*.jpg"):
        path.rename(path.with_suffix(".JPG"))
    for path in class_folder(settings, "002.thing").glob("*.jpg"):
        path.rename(path.with_suffix(".jpeg"))
    for path in class_folder(settings, "003.thing").glob("*.jpg"):
        Image.open(path).save(path.with_suffix(".png"))
        path.unlink()
    data = load(settings, CPU)
    assert data.num_classes == 3
    assert len(data.train) + len(data.validation) + len(data.test) == 15


def test_a_class_without_photographs_is_refused(tmp_path: Path) -> None:
    settings = write_caltech(tmp_path, classes=2, photographs=5)
    class_folder(settings, "002.thing").rename(class_folder(settings, "003.thing"))
    class_folder(settings, "002.thing").mkdir()
    with pytest.raises(ValueError, match=r"002\.thing must have a photograph"):
        fingerprint(settings)


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    settings = write_caltech(tmp_path, classes=1, photographs=5)
    (class_folder(settings, "001.thing") / "001_0009.jpg").symlink_to(tmp_path / "gone.jpg")
    with pytest.raises(ValueError, match=r"001_0009\.jpg must be an image file, but links"):
        fingerprint(settings)


@pytest.mark.parametrize("mode", ["I;16", "F"])
def test_a_photograph_of_more_bits_is_named(mode: str, tmp_path: Path) -> None:
    settings = write_caltech(tmp_path, classes=1, photographs=5)
    deep = Image.new(mode, (40, 30), 1000)
    deep.save(class_folder(settings, "001.thing") / "001_0003.jpg", format="TIFF")
    with pytest.raises(ValueError, match=r"001_0003\.jpg must be .* 8 bits a channel"):
        load(settings, CPU)


@pytest.mark.parametrize(
    ("mode", "opaque", "transparent"),
    [("RGBA", (9, 9, 9, 255), (9, 9, 9, 0)), ("LA", (9, 255), (9, 254)), ("P", 1, 0)],
)
def test_a_transparent_photograph_is_named_and_an_opaque_one_read(
    mode: str, opaque: Any, transparent: Any, tmp_path: Path
) -> None:
    settings = write_caltech(tmp_path, classes=1, photographs=5)
    place = class_folder(settings, "001.thing") / "001_0009.png"
    options = {"transparency": 0} if mode == "P" else {}
    Image.new(mode, (40, 30), opaque).save(place, **options)
    data = load(settings, CPU)
    assert len(data.train) + len(data.validation) + len(data.test) == 6
    Image.new(mode, (41, 31), transparent).save(place, **options)
    with pytest.raises(ValueError, match=r"001_0009\.png must be .*opaque.*transparent pixels"):
        load(settings, CPU)


def test_a_photographs_name_may_be_of_any_bytes(tmp_path: Path) -> None:
    settings = write_caltech(tmp_path, classes=1, photographs=5)
    Image.new("RGB", (40, 30)).save(class_folder(settings, "001.thing") / "001_\udcff.jpg")
    assert len(fingerprint(settings)) == 64


LOAD_WHEN_TOLD = """
import logging, sys, torch
from trainer.data import DataSettings, load

class Count(logging.Handler):
    decoded = 0
    def emit(self, record):
        Count.decoded += record.getMessage().startswith("Caltech-256: decoded")

logging.getLogger("trainer.data").setLevel(logging.INFO)
logging.getLogger("trainer.data").addHandler(Count())
settings = DataSettings.model_validate_json(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
stored = load(settings, torch.device("cpu")).train.stored
print(Count.decoded, stored.to(torch.int64).sum().item())
"""


@pytest.mark.slow
def test_two_processes_that_start_together_decode_once(tmp_path: Path) -> None:
    settings = write_caltech(tmp_path, classes=2, photographs=100)
    command = [sys.executable, "-c", LOAD_WHEN_TOLD, settings.model_dump_json()]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0].split() for process in processes]
    assert sorted(decoded for decoded, _ in answers) == ["0", "1"]
    assert answers[0][1] == answers[1][1]


# Real images


@pytest.fixture
def real_root() -> str:
    root = os.environ.get("PARETO_DATA")
    if not root:
        pytest.skip("PARETO_DATA names no folder of real images")
    return root


@pytest.mark.parametrize(
    ("name", "first_labels"), [("mnist", [5, 0, 4, 1, 9]), ("fashion_mnist", [9, 0, 0, 3, 0])]
)
def test_real_mnist(name: str, first_labels: Sequence[int], real_root: str) -> None:
    settings = DataSettings(name=name, root=real_root, validation=5000)
    pictures = DATASETS[name].read(settings)
    assert pictures.train.labels[:5].tolist() == first_labels
    assert_moments(pictures)
    data = load(settings, CPU)
    assert (len(data.train), len(data.validation), len(data.test)) == (55_000, 5000, 10_000)
    assert (data.image_shape, data.num_classes) == ((1, 28, 28), 10)


def test_real_partial_cifar(real_root: str) -> None:
    settings = DataSettings(name="cifar10", root=real_root, validation=500, verify=False)
    data = load(settings, CPU)
    assert (len(data.train), len(data.validation), len(data.test)) == (7568, 500, 1017)
    pictures = DATASETS["cifar10"].read(settings)
    assert pictures.train.labels[:5].tolist() == [6, 9, 9, 4, 1]
    # The constants are of all 50,000 images; 8,068 of them come close.
    means = (pictures.train.stored / 255).mean((0, 2, 3))
    assert torch.allclose(means, torch.tensor(pictures.mean), atol=0.005)


@pytest.mark.slow
def test_real_caltech(real_root: str, tmp_path: Path) -> None:
    settings = DataSettings(
        name="caltech256",
        root=real_root,
        validation=100,
        cache=str(tmp_path),
        augmentation="crop_flip",
    )
    data = load(settings, CPU)
    assert len(data.train) + len(data.validation) + len(data.test) == 1123
    assert (data.image_shape, data.num_classes) == ((3, 224, 224), 10)
    batch = data.train.augmented(torch.arange(8), torch.arange(8))
    assert batch.shape == (8, 3, 224, 224)
    assert 0 <= batch.min() < batch.max() <= 1
