"""Ask the peers again: `python -m tests.peers.remake --data FOLDER [--networks|--missing]`.

FOLDER has real MNIST and CIFAR-10 (or a part of it) as torchvision lays them out. The peers'
environment is made once, in `.peers/attacks`; their answers go to `tests/trainer/references`, and
`python -m tests.peers.tables` shows ours beside them. With `--networks` the networks are trained
anew first, with `--missing` only what has no answer is asked. Each answer is kept when it is there,
so that what broke off goes on with `--missing`. On two busy cores the answers take an hour, the
networks half of one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
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


def norm_questions(norm: str, epsilon: float) -> list[Question]:
    """PGD in another norm, by steps of a quarter of the radius; adv-lib's APGD, and its FMN, which
    looks for the least change."""
    asked: Question = {"norm": norm, "epsilon": epsilon, "num_steps": APGD_STEPS}
    pgd = {"attack": "pgd", "step_size": epsilon / 4, **asked}
    apgd = {"peer": "adv-lib", "attack": "apgd_ce", **asked}
    peers = ("torchattacks", "foolbox") if norm == "l2" else ("foolbox",)
    questions: list[Question] = [
        {"label": f"{norm} {peer} x1", "peer": peer, **pgd, "num_restarts": 1} for peer in peers
    ]
    questions += [
        {"label": f"{norm} adv-lib apgd_ce x{num_restarts}", **apgd, "num_restarts": num_restarts}
        for num_restarts in (1, 5)
    ]
    questions.append({"label": f"{norm} adv-lib fmn", "peer": "adv-lib", "attack": "fmn", **asked})
    return [{**question, "examples": EXAMPLES} for question in questions]


QUESTIONS: dict[str, list[Question]] = {
    "mnist": [
        *pgd_questions(0.3, 0.02, 40),
        *flow_questions(0.03),
        *norm_questions("l2", 2.0),
        *norm_questions("l1", 10.0),
    ],
    "cifar10": [
        *pgd_questions(8 / 255, 2 / 255, 20),
        *flow_questions(0.02),
        *norm_questions("l2", 0.5),
        *norm_questions("l1", 12.0),
    ],
}


def main() -> None:
    """Train if asked to, ask, and keep the answers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the real images")
    parser.add_argument("--networks", action="store_true", help="train the networks anew first")
    parser.add_argument("--missing", action="store_true", help="ask what was not asked yet")
    options = parser.parse_args()
    python = made("attacks")
    for name, questions in QUESTIONS.items():
        if options.networks:
            trained(name, options.data).write()
        print(name, flush=True)
        network = Network.read(name)
        known = Answers.read(network) if options.missing else None
        for answers in asked(python, network, questions, options.data, known):
            answers.write(name)


def trained(name: str, root: str) -> Network:
    """A network by the command that users train with."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "trainer.train", str(trial_file(name))]
        command += ["--set", f"data.root={json.dumps(root)}", "--out", folder]
        subprocess.run(command, check=True)
        return Network.rounded(name, Weights.from_bytes((Path(folder) / "weights.pt").read_bytes()))


def asked(
    python: Path, network: Network, questions: list[Question], root: str, known: Answers | None
) -> Iterator[Answers]:
    """The answers there are, with one more each time, from the peers' own environment."""
    dataset = network.first_images(root, max(question["examples"] for question in questions))
    arrays = images_and_labels(dataset)
    example = torch.from_numpy(arrays["images"][:1])
    if known is None:
        images = digest_of(arrays)
        known = Answers(questions=[], bits={}, network=network.digest, images=images, provenance={})
    known.check_images(dataset)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        torch.jit.trace(network.model(root, dataset), example).save(folder / "network.pt")
        save(folder / "images.npz", arrays)
        for question in questions:
            if question in known.questions:
                continue
            (folder / "questions.json").write_text(json.dumps([question]))
            subprocess.run([python, HERE / "attack_answers.py", folder], check=True)
            with np.load(folder / "answers.npz") as archive:
                bits = {**known.bits, question["label"]: archive[question["label"]]}
            provenance = json.loads((folder / "answers.json").read_text())
            seconds = known.provenance.get("seconds", {}) | provenance["seconds"]
            answered = [each for each in questions if each in [*known.questions, question]]
            known = replace(
                known,
                questions=answered,
                bits={each["label"]: bits[each["label"]] for each in answered},
                provenance=known.provenance | provenance | {"seconds": seconds},
            )
            yield known


if __name__ == "__main__":
    main()
