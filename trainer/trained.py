"""Trained models from their files, with nothing imported that a file names unless it is trusted.

A weights file says which network it is of and which data it was trained on. In one that was handed
over, a name by dotted path (`package.module:function`, `torch.hub:load` among them) would be code
of somebody else's choice, run here: such a name is refused unless the caller trusts it, or made the
file here (`trainer.weights.own_weights`).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
from torch import nn

from trainer.card import CARD, WEIGHTS, Card
from trainer.config import TrainingSettings
from trainer.data import Dataset, DataSettings, load
from trainer.input.checksum import read_checked
from trainer.input.document import Document
from trainer.input.problems import BadInput, Problem, shown
from trainer.models import ModelSettings, build, placed
from trainer.randomness import derive_seed
from trainer.weights import own_weights
from trainer.weights.checkpoint import DamagedError, Weights

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedModel:
    """A weights file that was read and checked, and the parts of its record that it takes to build
    the network and to find the data; nothing is built yet."""

    path: Path
    weights: Weights
    model: ModelSettings
    data: DataSettings
    memory_format: str | None
    seed: int
    trusts_code: bool  # whether code that the file names may be imported and run

    def build(self, dataset: Dataset | None, device: torch.device) -> nn.Module:
        """Build the network with its weights, in evaluation mode.

        Args:
            dataset: whose images it takes; None where the file says of what shape they are.

        Raises:
            BadInput: a tensor does not fit the network, or is not finite.
            ValueError: the network cannot be made.
        """
        shape, classes = self.weights.image_shape, self.weights.num_classes
        if shape is None or classes is None:
            dataset = load(self.data, CPU) if dataset is None else dataset
            shape, classes = dataset.image_shape, dataset.num_classes
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self.seed, "init"))  # for what is drawn and not kept
            model = build(
                self.model,
                image_shape=shape,
                num_classes=classes,
                mean=(0.0,) * shape[0],  # its own are among the weights
                std=(1.0,) * shape[0],
            )
        self.weights.load_into(model, where=str(self.path))
        return placed(model, self.model, device=device, memory_format=self.memory_format).eval()


def read_trained(path: Path, *, trust_code: bool) -> TrainedModel:
    """Read the trained model in a file.

    Args:
        trust_code: whether code that the file names by dotted path may be imported and run, and
            its settings of downloads and caches are to be followed, though it was not made here.

    Raises:
        BadInput: the file disagrees with its checksum, or names code that is not trusted.
        ValueError: the file is no trained model.
        OSError: it cannot be read.
    """
    try:
        read = read_checked(path)
        weights = Weights.from_bytes(read)
    except DamagedError as error:
        raise ValueError(f"WEIGHTS must be a trained model, got {path} ({error})") from error
    except OSError as error:
        reason = error.strerror or error
        raise type(error)(
            f"WEIGHTS must be a trained model's file that can be read, got {path}: {reason}"
        ) from error
    record = Document.from_plain(weights.trial, str(path))
    model = record.section("model").read_as(ModelSettings)
    data = record.section("data").read_as(DataSettings)
    trusts_code = trust_code or own_weights.is_own(read)
    if not trusts_code:
        for key, kind, name in (
            ("model.name", "network", model.name),
            ("data.name", "data set", data.name),
        ):
            if ":" in name:
                raise record.fail(
                    key,
                    f"must be a {kind} of this project's own where the file's code is not trusted, "
                    f"got {shown(name)}, which would be imported and run; see what it is, then "
                    f"give --trust-code (from Python, trust_code=True)",
                )
        data = data.model_copy(update={"download": False, "cache": None})
    training = record.section("training").without("attacks").read_as(TrainingSettings)
    seed = record.section("seed").value
    return TrainedModel(
        path=path,
        weights=weights,
        model=model,
        data=data,
        memory_format=training.memory_format,
        seed=seed if isinstance(seed, int) else 0,
        trusts_code=trusts_code,
    )


def load_model(path: str | Path, *, trust_code: bool = False) -> nn.Module:
    """Load the trained network in a weights file, on the CPU, in evaluation mode: from images (B C
    H W, pixels in [0, 1]) to logits (B K).

    No data set is needed, but for files of before weights said what images they take.

    Args:
        trust_code: whether code that the file names by dotted path may be imported and run.

    Raises:
        BadInput: the file disagrees with its checksum, names code that is not trusted, or has a
            tensor that does not fit or is not finite.
        ValueError: the file is no trained model.
        OSError: it cannot be read.
    """
    return read_trained(Path(path), trust_code=trust_code).build(None, CPU)


def load_folder(folder: str | PathLike[str], *, trust_code: bool) -> nn.Module:
    """Load the trained network in a folder, with its card, as `trainer.load` says."""
    path = Path(folder) / WEIGHTS
    model = load_model(path, trust_code=trust_code)
    beside = path.with_name(CARD)
    try:
        card = Card.from_json(beside.read_bytes(), where=str(beside))
    except FileNotFoundError:
        vars(model)["card"] = None
        return model
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if card.weights_sha256 != found:
        message = (
            f"must be of the weights beside it, whose SHA-256 is {found[:12]}..., got one of "
            f"{card.weights_sha256[:12]}...; copy the folder again"
        )
        raise BadInput(Problem(str(beside), "weights_sha256", message))
    vars(model)["card"] = card
    return model


def stored_weights(storage: str, trial_id: str) -> Path:
    """Find the weights of a trial in a sweep's storage, which must be a folder.

    `trials/<id>/result.json` names the attempt whose weights count, and they lie in
    `trials/<id>/attempts/<attempt, six digits>/weights.pt`. The folder of a trial of before has the
    id that it had then, and a file `earlier/<id>-<id then>-...` says so.

    Raises:
        BadInput: no folder, no such trial in it, or one without weights.
    """
    if "://" in storage:
        message = (
            f"must be a folder on this machine, got {shown(storage)}; copy the trial's folder "
            f"trials/{trial_id} from there, or evaluate by orchestrator.sweep SPEC --evaluate SUITE"
        )
        raise BadInput(Problem("--storage", "", message))
    if not re.fullmatch(r"t[0-9a-f]{16}", trial_id):
        rule = "must be the id of a trial, t and 16 hexadecimal digits, beside --storage"
        raise BadInput(Problem("TRIAL_ID", "", f"{rule}, got {shown(trial_id)}"))
    root = Path(storage).expanduser()
    earlier = re.compile(rf"{trial_id}-(t[0-9a-f]{{16}})-v[0-9a-f]{{16}}")
    names = (path.name for path in root.glob("earlier/*"))
    named = filter(None, map(earlier.fullmatch, names))
    folder = root / "trials" / next((it[1] for it in named), trial_id)
    result = folder / "result.json"
    try:
        attempt = int(json.loads(result.read_bytes())["record"]["attempt"])
    except FileNotFoundError:
        rule = "must be a trial that has weights"
        remedy = "see `python -m orchestrator.store ls`, and whether its weights were given up"
        message = f"{rule}, and there is no {result}; {remedy}"
        raise BadInput(Problem("TRIAL_ID", "", message)) from None
    except (ValueError, LookupError, TypeError) as error:
        message = f"must be the record of a trained trial ({error}); run its sweep again"
        raise BadInput(Problem(str(result), "", message)) from error
    return folder / "attempts" / f"{attempt:06d}" / "weights.pt"


def stored_record(storage: str, trial_id: str) -> Document | None:
    """Read what a trial of a sweep's storage is, a folder; None where it is not there.

    `trials/<id>/trial.json` has it.
    """
    path = Path(storage).expanduser() / "trials" / trial_id / "trial.json"
    try:
        return Document.from_plain(json.loads(path.read_bytes())["record"]["trial"], str(path))
    except (OSError, ValueError, LookupError, TypeError):
        return None
