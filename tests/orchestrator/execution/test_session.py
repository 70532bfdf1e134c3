"""Ray's own folder: where it can be, whose it is, and what becomes of it."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest
from ray.tune.execution.class_cache import _ActorClassCache

from orchestrator.execution import cluster, session
from orchestrator.execution.address import NoClusterError
from orchestrator.execution.session import own_folder, own_token, parent_folder


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that takes the place of /tmp, however long its own path is."""
    folder = tmp_path_factory.mktemp("short")
    monkeypatch.setattr(session, "SOCKET_BYTES", 107 + len(str(folder)))
    monkeypatch.setattr(session, "FALLBACKS", (str(folder),))
    return folder


def test_the_environment_says_where(short: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "a", tmp_path / "b"
    here.mkdir()
    there.mkdir()
    assert parent_folder({}) == (short, "")
    assert parent_folder({"TMPDIR": str(here)}) == (here, "")
    assert parent_folder({"TMPDIR": str(here), "RAY_TMPDIR": str(there)}) == (there, "")


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_where_no_socket_can_lie_another_folder_is_taken_and_told(
    name: str, short: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (short / "file").touch()
    long = short / ("x" * 90)
    long.mkdir()
    problems = {
        str(long): "is longer than",
        str(short / "missing"): "is no folder",
        str(short / "file"): "is no folder",
        "relative": "is not absolute",
    }
    for folder, problem in problems.items():
        with own_folder({name: folder}) as own:
            assert own.parent == short
        assert not own.exists()
        said = caplog.records.pop().getMessage()
        assert said.startswith(f"{name} must be the absolute path of a folder that can be written")
        assert f"got {folder!r}, which {problem}" in said
        assert f"go below {short}" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_not_taken(short: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert parent_folder({"TMPDIR": str(tmp_path)})[0] == short


def test_without_any_folder_the_remedy_is_told(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "FALLBACKS", (str(short / "no"), str(short / "none")))
    with pytest.raises(NoClusterError, match=r"set RAY_TMPDIR to the path of one, of at most \d+"):
        parent_folder({"TMPDIR": str(short / "missing")})


def test_longest_socket_of_ray_fits() -> None:
    name = "/ray-12345678/ray/session_2026-11-28_13-28-32_123456_" + str(os.getpid())
    socket = f"{name}/sockets/plasma_store"
    assert session._longest() + len(socket) == session.SOCKET_BYTES


def test_folder_and_token_are_their_owners_alone(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    before = os.umask(0)
    try:
        with own_folder({}) as folder, own_token(folder):
            token = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
            assert token.parent == folder
            assert len(token.read_text()) == 64
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert stat.S_IMODE(token.stat().st_mode) == 0o600
    finally:
        os.umask(before)
    assert "RAY_AUTH_TOKEN_PATH" not in os.environ
    assert list(short.iterdir()) == []


def test_a_token_of_the_users_own_is_left(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "/run/secrets/token")
    with own_token(short):
        assert os.environ["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/token"
    assert os.environ["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/token"
    assert list(short.iterdir()) == []


def test_folder_stays_where_its_logs_are_wanted(short: Path) -> None:
    with own_folder({"RAY_TMPDIR": str(short)}) as asked_for:
        pass
    assert asked_for.is_dir()
    with pytest.raises(RuntimeError, match="lost"), own_folder({}) as broken_off:
        raise RuntimeError("lost")
    assert broken_off.is_dir()
    with pytest.raises(SystemExit), own_folder({}) as stopped:
        raise SystemExit
    assert not stopped.exists()


def test_no_key_of_the_environment_goes_with_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_CHDIR_TO_TRIAL_DIR", "0")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "canary")
    cluster._keep_keys()
    sent = _ActorClassCache().get(type("Trial", (), {}))._default_options["runtime_env"]["env_vars"]
    assert sent["RAY_CHDIR_TO_TRIAL_DIR"] == "0"
    assert "canary" not in sent.values()


def test_on_windows_any_folder_for_temporary_files_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray has ports there in place of sockets, and there is no /tmp."""
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr(session, "_IS_WINDOWS", True)
    monkeypatch.setattr(session, "FALLBACKS", ())
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    assert parent_folder({}) == (long, "")
