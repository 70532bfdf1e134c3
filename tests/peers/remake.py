"""Ask the peers again: `python -m tests.peers.remake --data FOLDER [--networks]`.

FOLDER has real MNIST and CIFAR-10 (or a part of it) as torchvision lays them out. The peers'
environment is made once, in `.peers/attacks`; their answers go to `tests/trainer/references`, and
`python -m tests.peers.tables` shows ours beside them. With `--networks` the networks are trained
anew first. On two busy cores the answers take an hour, the networks half of one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from tests.peers.environment import made
from tests.peers.reference import (
    Answers,
    Network,
    Question,
    digest_of,
    images_and_labels,
    save,
    trial_file,
)
from trainer.weights.checkpoint import Weights

HERE = Path(__file__).parent

EXAMPLES = 1000
APGD_STEPS = 100
FLOW_EXAMPLES = 100
"""L-BFGS works image by image, some hundred gradients each."""


def pgd_questions(epsilon: float, step_size: float, num_steps: int) -> list[Question]:
    """PGD and APGD with one start and with five, and AutoAttack for the record."""
    pgd: Question = {
        "attack": "pgd",
        "epsilon": epsilon,
        "step_size": step_size,
        "num_steps": num_steps,
    }
    apgd: Question = {"peer": "pyautoattack", "attack": "apgd_ce", "epsilon": epsilon}
    apgd |= {"num_steps": APGD_STEPS}
    questions: list[Question] = [
        {"label": f"{peer} x{num_restarts}", "peer": peer, **pgd, "num_restarts": num_restarts}
        for peer in ("torchattacks", "foolbox")
        for num_restarts in (1, 5)
    ]
    questions += [
        {"label": f"apgd_ce x{num_restarts}", **apgd, "num_restarts": num_restarts}
        for num_restarts in (1, 5)
    ]
    standard = {"label": "autoattack", "peer": "pyautoattack", "attack": "autoattack"}
    questions.append({**standard, "epsilon": epsilon})
    return [{**question, "examples": EXAMPLES} for question in questions]


def flow_questions(epsilon: float) -> list[Question]:
    """stAdv within the radius, its smoothness weight the paper's and a tenth of it; and unbound."""
    stadv: Question = {"peer": "advertorch", "attack": "stadv", "examples": FLOW_EXAMPLES}
    stadv |= {"epsilon": epsilon, "num_steps": 100, "confidence": 0.01}
    return [
        {"label": "stadv in the box", **stadv, "boxed": True, "smoothness": 0.05},
        {"label": "stadv in the box, rough", **stadv, "boxed": True, "smoothness": 0.005},
        {"label": "stadv", **stadv, "boxed": False, "smoothness": 0.05},
    ]


QUESTIONS: dict[str, list[Question]] = {
    "mnist": [*pgd_questions(0.3, 0.02, 40), *flow_questions(0.03)],
    "cifar10": [*pgd_questions(8 / 255, 2 / 255, 20), *flow_questions(0.02)],
}


def main() -> None:
    """Train if asked to, ask, and keep the answers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the real images")
    parser.add_argument("--networks", action="store_true", help="train the networks anew first")
    options = parser.parse_args()
    python = made("attacks")
    for name, questions in QUESTIONS.items():
        if options.networks:
            trained(name, options.data).write()
        print(name, flush=True)
        asked(python, Network.read(name), questions, options.data).write(name)


def trained(name: str, root: str) -> Network:
    """A network by the command that users train with."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "trainer.train", str(trial_file(name))]
        command += ["--set", f"data.root={json.dumps(root)}", "--out", folder]
        subprocess.run(command, check=True)
        return Network.rounded(name, Weights.from_bytes((Path(folder) / "weights.pt").read_bytes()))


def asked(python: Path, network: Network, questions: list[Question], root: str) -> Answers:
    """The peers' answers, from their own environment."""
    dataset = network.first_images(root, max(question["examples"] for question in questions))
    arrays = images_and_labels(dataset)
    example = torch.from_numpy(arrays["images"][:1])
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        torch.jit.trace(network.model(root, dataset), example).save(folder / "network.pt")
        save(folder / "images.npz", arrays)
        (folder / "questions.json").write_text(json.dumps(questions))
        subprocess.run([python, HERE / "attack_answers.py", folder], check=True)
        with np.load(folder / "answers.npz") as archive:
            bits = {label: archive[label] for label in archive.files}
        provenance = json.loads((folder / "answers.json").read_text())
    return Answers(
        questions=questions,
        bits=bits,
        network=network.digest,
        images=digest_of(arrays),
        provenance=provenance,
    )


if __name__ == "__main__":
    main()
