"""What several tests of the trainer share: a user's module."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.trainer.runs import OWN


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a user's module that is on the path."""
    (tmp_path / "of_mine.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "of_mine", raising=False)
    return "of_mine"
