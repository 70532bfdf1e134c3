"""What every kind of files promises, to be asked of each: a folder here, S3 among the servers."""

from __future__ import annotations

import multiprocessing
import threading
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestrator.store.files.contract import Files

NAMES = ["a/x", "a/y", "a/b/x", "c/x", "d"]
FOLDERS = ["", "a", "a/b", "c", "d", "nowhere"]


class FilesAreADictionary(RuleBasedStateMachine):
    """Whatever is done to the files, they are what a dictionary would be."""

    names = st.sampled_from(NAMES)
    others = st.sampled_from([*NAMES, "a/x.damaged", "e/f/g"])
    contents = st.binary(max_size=3)

    @abstractmethod
    def new_files(self) -> Files:
        """Files of this kind, empty."""

    def __init__(self) -> None:
        super().__init__()
        self._files = self.new_files()
        self._model: dict[str, bytes] = {}

    @rule(name=names, data=contents)
    def write(self, name: str, data: bytes) -> None:
        self._files.write(name, data)
        self._model[name] = data

    @rule(name=names, data=contents)
    def create(self, name: str, data: bytes) -> None:
        assert self._files.create(name, data) is (self._model.setdefault(name, data) == data)

    @rule(name=names)
    def remove(self, name: str) -> None:
        self._files.remove(name)
        self._model.pop(name, None)

    @rule(name=names, other=others)
    def rename(self, name: str, other: str) -> None:
        self._files.rename(name, other)
        if name in self._model:
            self._model[other] = self._model.pop(name)

    @invariant()
    def same_content(self) -> None:
        for name in [*NAMES, "a/x.damaged", "e/f/g", "a", "a/b", "nowhere/x", "d/x"]:
            assert self._files.read(name) == self._model.get(name)

    @invariant()
    def same_listings(self) -> None:
        for folder in FOLDERS:
            below = f"{folder}/" if folder else ""
            model = {name: data for name, data in self._model.items() if name.startswith(below)}
            assert self._files.sizes(folder) == {name: len(data) for name, data in model.items()}
            listed = self._files.names(folder)
            assert listed == sorted(set(listed))
            emptied = {last for last in listed if f"{below}{last}" in {"a", "a/b", "c", "e", "e/f"}}
            present = {name.removeprefix(below).partition("/")[0] for name in model}
            assert present <= set(listed) <= present | emptied


RACES = 25


def assert_one_thread_creates(files: Files, folder: str) -> None:
    """Of eight threads that create the same names at once, one each time, and it knows."""
    barrier = threading.Barrier(8)

    def create_all(writer: int) -> list[bool]:
        return [_create_at_once(files, barrier, f"{folder}/{n}", writer) for n in range(RACES)]

    with ThreadPoolExecutor(8) as threads:
        _assert_winners(files, folder, list(threads.map(create_all, range(8))))


def assert_one_process_creates(
    files: Files, folder: str, *, start: Literal["fork", "spawn"]
) -> None:
    """The same of four processes, started so from this one, which has used the files before."""
    assert files.read("nowhere") is None
    context = multiprocessing.get_context(start)
    barrier, results = context.Barrier(4), context.SimpleQueue()
    processes = [
        context.Process(target=_create_all, args=(files, barrier, folder, writer, results))
        for writer in range(4)
    ]
    for process in processes:
        process.start()
    told = dict(results.get() for _ in processes)
    for process in processes:
        process.join()
    _assert_winners(files, folder, [told[writer] for writer in range(4)])


def _create_all(files: Files, barrier: Any, folder: str, writer: int, results: Any) -> None:
    told = [_create_at_once(files, barrier, f"{folder}/{n}", writer) for n in range(RACES)]
    results.put((writer, told))


def _create_at_once(files: Files, barrier: Any, name: str, writer: int) -> bool:
    barrier.wait()
    return files.create(name, b"%d" % writer)


def _assert_winners(files: Files, folder: str, told: list[list[bool]]) -> None:
    yes = np.array(told)
    assert yes.sum(axis=0).tolist() == [1] * RACES
    winners = [int(files.read(f"{folder}/{n}") or b"-1") for n in range(RACES)]
    assert winners == yes.argmax(axis=0).tolist()
