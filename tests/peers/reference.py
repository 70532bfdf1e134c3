"""The networks that attacks are compared on, and what other libraries' attacks left of them.

Both lie in `tests/trainer/references`: `NAME.npz` has a network's weights, rounded to float16;
`NAME_answers.npz` the peers' bits, with the questions that they answer and the network and images
that they are of. `remake` writes all of them; the trial that made a network is in `NAME.yaml` here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from trainer.config import Trial, read_trial, with_preset
from trainer.data import Dataset, load
from trainer.input.document import Document
from trainer.training.loop import new_model
from trainer.weights.checkpoint import Weights

FOLDER = Path(__file__).parents[1] / "trainer" / "references"
CPU = torch.device("cpu")

Question = dict[str, Any]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A trained network as it was committed.

    Attributes:
        name: of the file with its weights, and of the trial's in this folder that made it.
        state: its parameters and buffers, float16.
    """

    name: str
    state: Arrays

    @classmethod
    def rounded(cls, name: str, weights: Weights) -> Network:
        """The network of a training run."""
        state = {key: tensor.half().numpy() for key, tensor in weights.model.items()}
        return cls(name=name, state=state)

    @classmethod
    def read(cls, name: str) -> Network:
        """The committed one."""
        with np.load(FOLDER / f"{name}.npz") as archive:
            return cls(name=name, state={key: archive[key] for key in archive.files})

    def write(self) -> None:
        """Commit it."""
        save(FOLDER / f"{self.name}.npz", self.state)

    @property
    def digest(self) -> str:
        """SHA-256 over its weights, in hexadecimal digits."""
        return digest_of(self.state)

    def trial(self, root: str) -> Trial:
        """The trial that made it, with its data in `root`."""
        made = Document.read(str(trial_file(self.name))).set(f"data.root={json.dumps(root)}")
        unsaid = Document.from_plain({"seed": 0, "fingerprint": ""}, "reference")
        return read_trial(with_preset(made).merged_over(unsaid))

    def model(self, root: str, dataset: Dataset) -> nn.Module:
        """The network in float32, ready to be attacked."""
        model = new_model(self.trial(root), dataset, CPU)
        model.load_state_dict({key: torch.from_numpy(w).float() for key, w in self.state.items()})
        return model.eval()

    def first_images(self, root: str, count: int) -> Dataset:
        """Its data set with the first `count` of the test images alone.

        Raises:
            ValueError, MissingData: as `trainer.data.load`.
        """
        dataset = load(self.trial(root).data, CPU)
        return replace(dataset, test=dataset.test.select(torch.arange(count)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What the peers left of one network.

    Attributes:
        questions: each with its `label`, budget, and how many of the first images it is about.
        bits: by label, one an example: withstood or not.
        network: digest of the network that was attacked.
        images: digest of all the images with their labels.
        provenance: seconds, versions, seed.
    """

    questions: list[Question]
    bits: Mapping[str, NDArray[np.bool_]]
    network: str
    images: str
    provenance: dict[str, Any]

    @classmethod
    def read(cls, network: Network) -> Answers:
        """The committed ones.

        Raises:
            ValueError: they are of another network.
        """
        with np.load(FOLDER / f"{network.name}_answers.npz") as archive:
            bits = {key: archive[key] for key in archive.files if key != "about"}
            answers = cls(bits=bits, **json.loads(str(archive["about"])))
        _require(f"network {network.name}", network.digest, answers.network)
        return answers

    def check_images(self, dataset: Dataset) -> None:
        """See that the data set's test images are those that the answers are about.

        Raises:
            ValueError: they are not.
        """
        _require("the test images", digest_of(images_and_labels(dataset)), self.images)

    def write(self, name: str) -> None:
        """Commit them under the network's name."""
        fields = ("questions", "network", "images", "provenance")
        about = np.array(json.dumps({field: getattr(self, field) for field in fields}))
        save(FOLDER / f"{name}_answers.npz", {"about": about, **self.bits})

    @property
    def examples(self) -> int:
        """How many images the longest answer is about."""
        return max(int(question["examples"]) for question in self.questions)

    def question(self, label: str) -> Question:
        """The one under a label."""
        (found,) = (question for question in self.questions if question["label"] == label)
        return found


def trial_file(name: str) -> Path:
    """The YAML file from which a network was trained."""
    return Path(__file__).with_name(f"{name}.yaml")


def _require(what: str, found: str, attacked: str) -> None:
    if found != attacked:
        raise ValueError(
            f"{what} must be what the peers attacked ({attacked[:16]}...), got {found[:16]}...; "
            "ask them again with python -m tests.peers.remake"
        )


def images_and_labels(dataset: Dataset) -> Arrays:
    """The test images (N C H W, float32 in [0, 1]) and their labels."""
    images = dataset.test.images_at(torch.arange(len(dataset.test)))
    return {"images": images.numpy(), "labels": dataset.test.labels.numpy()}


def save(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """As a compressed NumPy archive; equal arrays give equal bytes."""
    keywords: dict[str, Any] = dict(arrays)  # NumPy's own type takes one of them for a flag
    np.savez_compressed(path, **keywords)


def digest_of(arrays: Arrays) -> str:
    """SHA-256 over names, types, shapes and values, in hexadecimal digits."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
