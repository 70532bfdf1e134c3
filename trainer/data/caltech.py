"""Caltech-256: photographs of any size, decoded once into a memory map that processes share.

Decoding 30,607 JPEG files takes minutes and the decoded images take 6 GB; so the first
process writes them to the cache folder, and all map that file: the operating system keeps
one copy of its pages for them all, and no more of it than memory allows.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from trainer.data.selection import share_of_each_class
from trainer.data.settings import DataSettings
from trainer.data.source import Pictures
from trainer.data.split import Split
from trainer.input.whole_file import written_whole

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from torch import Tensor
else:
    from trainer import late_torch as torch

_STORED_SIZE = 256
_IMAGE_SIZE = 224
_DECODING_VERSION = 1
"""Version of the decoding in the cache file's name: raise it with every change to `_decode`."""

_PHOTOGRAPHS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
"""Suffixes of image files, in small letters; the published archive has `.jpg` alone."""

_DEEP_MODES = ("I", "F")
"""Beginnings of Pillow's modes of more than 8 bits a channel: as RGB most of them turn white."""

_MOST_NAMED = 5  # entries in a warning

_TEST_SHARE = 0.2
_TEST_SEED = 0
_BATCH = 256

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Caltech256:
    """Caltech-256 as its class folders that are there: 257 in the whole set.

    Hidden entries, and what is neither a class folder nor an image file in one, are left out,
    and a warning names them; a class folder without an image is refused. The set has
    no test images of its own: a fifth of each class is set apart, always the same.
    """

    downloadable: bool = True

    def missing(self, settings: DataSettings) -> str | None:
        folder = _folder(settings)
        if folder.is_dir() and _photographs(folder):
            return None
        return f"the class folders (001.ak47, ...) with their .jpg files in {folder}"

    def download(self, settings: DataSettings) -> None:
        from trainer.device.torchvision_operators import torchvision  # noqa: PLC0415  (slow to import)

        torchvision.datasets.Caltech256(settings.root_folder, download=True)

    def fingerprint(self, settings: DataSettings) -> str:
        """Hash paths and sizes by SHA-256; reading a gigabyte at every start would be too much."""
        folder = _folder(settings)
        digest = hashlib.sha256()
        for path in _photographs(folder):
            line = f"{path.relative_to(folder).as_posix()}\t{path.stat().st_size}\n"
            digest.update(line.encode(errors="surrogateescape"))  # a name may be of any bytes
        return digest.hexdigest()

    def read(self, settings: DataSettings) -> Pictures:
        paths = _photographs(_folder(settings))
        classes = sorted({path.parent.name for path in paths})
        labels = torch.tensor([classes.index(path.parent.name) for path in paths])
        name = f"caltech256-{self.fingerprint(settings)[:16]}-v{_DECODING_VERSION}.uint8"
        images = _decoded(paths, settings.cache_folder / name)
        everything = replace(
            Split.of(images, labels), image_size=(_IMAGE_SIZE, _IMAGE_SIZE), memory_mapped=True
        )
        is_test = share_of_each_class(labels, _TEST_SHARE, seed=_TEST_SEED)
        return Pictures(
            train=everything.select((~is_test).nonzero().squeeze(1)),
            test=everything.select(is_test.nonzero().squeeze(1)),
            num_classes=len(classes),
            mean=(0.485, 0.456, 0.406),  # of ImageNet, as torchvision's models use them
            std=(0.229, 0.224, 0.225),
        )


def _folder(settings: DataSettings) -> Path:
    return settings.root_folder / "caltech256" / "256_ObjectCategories"


def _photographs(folder: Path) -> list[Path]:
    """List the image files of the class folders, sorted by class and name.

    Raises:
        ValueError: a class folder has none, or an image file's link leads nowhere.
    """
    classes, left_out = _split_entries(folder, lambda entry: entry.is_dir())
    photographs = []
    for class_folder in classes:
        found, others = _split_entries(class_folder, _is_photograph)
        if not found:
            raise ValueError(
                f"{class_folder} must have a photograph ({', '.join(sorted(_PHOTOGRAPHS))}), "
                f"since each folder is a class; put its files there, or remove the folder"
            )
        photographs += found
        left_out += others
    if left_out:
        _warn_once(folder, tuple(path.relative_to(folder).as_posix() for path in left_out))
    return photographs


def _split_entries(
    folder: Path, is_wanted: Callable[[Path], bool]
) -> tuple[list[Path], list[Path]]:
    """Split the entries of `folder` into those that are wanted and the others; both sorted.

    Hidden ones and `__MACOSX` never are: file managers, notebooks and archives leave them.
    """
    wanted: list[Path] = []
    others: list[Path] = []
    for entry in sorted(folder.iterdir()):
        is_trace = entry.name.startswith(".") or entry.name == "__MACOSX"
        (others if is_trace or not is_wanted(entry) else wanted).append(entry)
    return wanted, others


def _is_photograph(path: Path) -> bool:
    if path.suffix.lower() not in _PHOTOGRAPHS or path.is_dir():
        return False
    if not path.exists():
        raise ValueError(f"{path} must be an image file, but links to nothing; remove the link")
    return True


@functools.cache
def _warn_once(folder: Path, left_out: tuple[str, ...]) -> None:
    """Warn of entries that are left out, once a process however often the folder is listed."""
    named = ", ".join(left_out[:_MOST_NAMED])
    if len(left_out) > _MOST_NAMED:
        named += f" and {len(left_out) - _MOST_NAMED} more"
    _logger.warning(
        "Caltech-256: left out, as neither class nor photograph: %s in %s", named, folder
    )


def _decoded(paths: Sequence[Path], cache: Path) -> Tensor:
    """Map the images of `paths`, N 3 256 256, into memory from `cache`, written if need be.

    Raises:
        ValueError: the cache folder cannot be written, or a file is no readable image.
    """
    if not cache.exists():
        try:
            cache.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{cache}.lock"):  # of two that start together, one decodes
                if not cache.exists():
                    _write(paths, cache)
        except OSError as error:
            raise ValueError(
                f"data.cache must be a folder with room for {len(paths)} decoded images "
                f"({len(paths) * _STORED_SIZE**2 * 3 / 1e9:.1f} GB), got {cache.parent} "
                f"({error}); set `cache` under `data` to one that is"
            ) from error
    shape = (len(paths), 3, _STORED_SIZE, _STORED_SIZE)
    # A private map: pages are shared with other processes, and nobody can write to the file.
    pixels = torch.from_file(
        str(cache), shared=False, size=torch.Size(shape).numel(), dtype=torch.uint8
    )
    return pixels.view(shape)


def _write(paths: Sequence[Path], cache: Path) -> None:
    with (
        written_whole(cache) as unfinished,
        unfinished.open("wb") as file,
        ThreadPoolExecutor() as threads,
    ):
        for start in range(0, len(paths), _BATCH):
            for image in threads.map(_decode, paths[start : start + _BATCH]):
                file.write(image)
            done = min(start + _BATCH, len(paths))
            _logger.info("Caltech-256: decoded %d of %d images into %s", done, len(paths), cache)
        file.flush()
        os.fsync(file.fileno())  # a crash of the machine must not leave the name without bytes


def _decode(path: Path) -> bytes:
    """Decode the centre square of an image, its side 256, to 3 256 256 bytes; grey becomes RGB.

    It lies as it is stored: like torchvision's reader, this one does not turn it as EXIF may say.

    Raises:
        ValueError: the file is no readable image, of more than 8 bits a channel, or transparent.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415  (here alone: once the cache is written, never)

    try:
        with Image.open(path) as photograph:
            if photograph.mode.startswith(_DEEP_MODES):
                raise ValueError(f"more than 8 bits a channel, mode {photograph.mode}")
            if _is_transparent(photograph):
                raise ValueError("transparent pixels, whose colour nobody chose")
            square = ImageOps.fit(
                photograph.convert("RGB"),
                (_STORED_SIZE, _STORED_SIZE),
                method=Image.Resampling.BILINEAR,
            )
    except Exception as error:  # Pillow raises what its readers do: OSError, SyntaxError, ...
        raise ValueError(
            f"{path} must be a readable, opaque image of 8 bits a channel ({error}); "
            f"replace the file or remove it"
        ) from error
    return b"".join(channel.tobytes() for channel in square.split())


def _is_transparent(photograph: Image.Image) -> bool:
    """Whether any pixel of an image is transparent; an alpha channel by itself says nothing."""
    if not photograph.has_transparency_data:
        return False
    least, _ = photograph.convert("RGBA").getchannel("A").getextrema()
    return least != 255
