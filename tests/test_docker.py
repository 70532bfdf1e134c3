"""The image and the compose file agree with the code, with each other and with their README.

No container engine is needed: what a container would run is read out of the files, and each
command line is held against the `--help` of the program that it calls.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def interpolate(value: Any) -> Any:
    """A part of the compose file as compose reads it with no variable set."""
    if isinstance(value, str):
        return VARIABLE.sub(r"\2", value).replace("$$", "$")
    if isinstance(value, list):
        return [interpolate(item) for item in value]
    if isinstance(value, dict):
        return {key: interpolate(item) for key, item in value.items()}
    return value


COMPOSE_TEXT = (DOCKER / "compose.yaml").read_text()
COMPOSE = interpolate(yaml.safe_load(COMPOSE_TEXT))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
README = (DOCKER / "README.md").read_text()

# One (name, arguments) an instruction, in order.
INSTRUCTIONS = [
    tuple(line.split(maxsplit=1))
    for line in (DOCKER / "Dockerfile").read_text().replace("\\\n", "").splitlines()
    if line and not line.startswith("#")
]


def arguments_of(instruction: str) -> list[str]:
    return [arguments for name, arguments in INSTRUCTIONS if name == instruction]


def simple_commands(argv: list[str]) -> list[list[str]]:
    """The commands that `argv` runs: itself, or those of its shell script."""
    if argv[:2] != ["/bin/sh", "-c"]:
        return [argv]
    script = re.sub(r">&\d", "", argv[2])
    lexer = shlex.shlex(script, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    for token in lexer:
        if set(token) <= set(";&|"):
            commands.append([])
        elif token != "exec":
            commands[-1].append(token)
    return commands


def commands_of(service: str) -> list[list[str]]:
    settings = SERVICES[service]
    commands = simple_commands(settings.get("entrypoint", []) + settings.get("command", []))
    if "healthcheck" in settings:
        commands.append(settings["healthcheck"]["test"][1:])
    return commands


def command(service: str, *program: str) -> list[str]:
    """The words after `program` in the one command of `service` that runs it."""
    size = len(program)
    (words,) = (words for words in commands_of(service) if tuple(words[:size]) == program)
    return words[size:]


def option(words: list[str], name: str) -> str:
    """The value of `--name value` or `--name=value`."""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word == name:
            return after
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    raise KeyError(name)


def program_of(words: list[str]) -> tuple[str, ...] | None:
    """The part of a command line that `--help` is asked of, where the code provides it."""
    if words[:2] == ["python", "-m"]:
        return tuple(words[:3])
    return tuple(words[:2]) if words[:1] in (["ray"], ["mlflow"]) else None


CALLS = [
    (service, program, tuple(words[len(program) :]))
    for service in SERVICES
    for words in commands_of(service)
    if (program := program_of(words))
]


@functools.cache
def help_of(program: tuple[str, ...]) -> str:
    name, *rest = program
    executable = Path(sys.executable)
    argv = [str(executable if name == "python" else executable.with_name(name)), *rest, "--help"]
    plain_and_wide = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        argv, cwd=ROOT, env=plain_and_wide, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "words"),
    [call[1:] for call in CALLS],
    ids=[f"{service}: {' '.join(program)}" for service, program, _ in CALLS],
)
def test_every_flag_is_known_to_its_program(
    program: tuple[str, ...], words: tuple[str, ...]
) -> None:
    flags = {word.partition("=")[0] for word in words if word.startswith("--")}
    known = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", help_of(program)))
    assert flags
    assert flags <= known


def test_commands_are_found_in_scripts_and_lists() -> None:
    programs = {(service, " ".join(program)) for service, program, _ in CALLS}
    assert programs == {
        ("head", "ray start"),
        ("head", "ray health-check"),
        ("mlflow", "mlflow server"),
        ("sweep", "ray start"),
        ("sweep", "python -m orchestrator.sweep"),
        ("worker", "ray start"),
    }


def test_every_module_that_is_run_exists() -> None:
    texts = [COMPOSE_TEXT, README, *(" ".join(yaml.safe_load(cmd)) for cmd in arguments_of("CMD"))]
    modules = {name for text in texts for name in re.findall(r"python -m ([\w.]+)", text)}
    assert "orchestrator.sweep" in modules
    assert [name for name in sorted(modules) if importlib.util.find_spec(name) is None] == []


def test_what_is_copied_exists_and_nothing_else_enters_the_build_context() -> None:
    copied = {source for arguments in arguments_of("COPY") for source in arguments.split()[:-1]}
    assert [source for source in sorted(copied) if not (ROOT / source).exists()] == []
    patterns = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert patterns[0] == "*"
    assert {line[1:] for line in patterns if line.startswith("!")} == copied


def test_image_installs_the_dependencies_of_the_project_at_tested_versions() -> None:
    words = next(shlex.split(run) for run in arguments_of("RUN") if "tomllib" in run)
    listing = subprocess.run(
        [sys.executable, "-c", words[words.index("-c") + 1]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    chosen = [*extras["postgres"], *extras["dashboard"], *extras["autoattack"]]
    expected = [*project["dependencies"], *chosen]
    assert listing.stdout.splitlines() == expected
    assert words[words.index("--constraint") + 1] == "constraints.txt"


def test_images_are_pinned_and_named_alike() -> None:
    (base,) = (text for text in arguments_of("ARG") if text.startswith("BASE_IMAGE="))
    builds = [settings["build"] for settings in SERVICES.values() if "build" in settings]
    images = {settings["image"] for settings in SERVICES.values()}
    assert {f"BASE_IMAGE={build['args']['BASE_IMAGE']}" for build in builds} == {base}
    for image in {*images, base.partition("=")[2]}:
        assert re.fullmatch(r"[\w./-]+:(?!latest)[\w.-]+", image), image
    for build in builds:
        assert (DOCKER / build["context"] / build["dockerfile"]).samefile(DOCKER / "Dockerfile")


def test_containers_of_the_image_have_an_unprivileged_user_that_owns_its_volumes() -> None:
    assert arguments_of("USER") == ["${USER_ID}"]
    (setup,) = (run for run in arguments_of("RUN") if "useradd" in run)
    (owned,) = re.findall(r"install --directory --owner=sweep --group=sweep ([^&]*)", setup)
    for name, settings in SERVICES.items():
        if "build" not in settings:
            continue
        assert settings["cap_drop"] == ["ALL"], name
        for volume in settings["volumes"]:
            source, target = volume.split(":")[:2]
            assert (source not in COMPOSE["volumes"]) or target in owned.split(), (name, volume)


def test_ports_are_open_to_this_machine_alone() -> None:
    ports = [port for settings in SERVICES.values() for port in settings.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_no_password_is_written_down() -> None:
    assert re.findall(r"://[^/\s@]*:[^/\s@]*@", COMPOSE_TEXT) == []
    for settings in SERVICES.values():
        for name, value in settings.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|SECRET|KEY", name):
                assert name.endswith(("_FILE", "_PATH"))
                assert value.startswith("/run/secrets/")
    assigned = re.findall(r"PASSWORD=(\S+ \S+)", COMPOSE_TEXT)
    assert assigned == ['"$$(cat /run/secrets/postgres_password)"']


def test_secrets_are_declared_granted_documented_and_ignored() -> None:
    declared = {name: DOCKER / secret["file"] for name, secret in COMPOSE["secrets"].items()}
    granted = {name: set(settings.get("secrets", [])) for name, settings in SERVICES.items()}
    assert set.union(*granted.values()) == set(declared)
    for name, settings in SERVICES.items():
        assert set(re.findall(r"/run/secrets/(\w+)", str(settings))) == granted[name], name
    for path in declared.values():
        name = path.relative_to(ROOT).as_posix()
        assert f"/dev/stdin {name}\n" in README


@pytest.mark.skipif(
    shutil.which("git") is None or not (ROOT / ".git").exists(), reason="not a Git checkout"
)
@pytest.mark.parametrize("secret", COMPOSE["secrets"])
def test_git_ignores_secrets(secret: str) -> None:
    path = Path("docker") / COMPOSE["secrets"][secret]["file"]
    asked = subprocess.run(["git", "check-ignore", "--quiet", str(path)], cwd=ROOT, check=False)
    assert asked.returncode == 0, f"{path} could be committed"


def test_every_ray_node_needs_the_token() -> None:
    nodes = {service for service, program, _ in CALLS if program == ("ray", "start")}
    assert nodes == {"head", "worker", "sweep"}
    for name in nodes:
        environment = SERVICES[name]["environment"]
        assert environment["RAY_AUTH_MODE"] == "token"
        assert environment["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/ray_token"


def test_object_store_fits_into_shared_memory() -> None:
    for name in ("head", "worker", "sweep"):
        size = int(option(command(name, "ray", "start"), "--object-store-memory"))
        assert size <= int(SERVICES[name]["shm_size"].removesuffix("mb")) * 2**20


def test_all_nodes_see_one_storage_and_data_that_they_cannot_change() -> None:
    storage = option(command("sweep", "python", "-m", "orchestrator.sweep"), "--storage")
    for name in ("head", "worker", "sweep"):
        volumes = SERVICES[name]["volumes"]
        assert f"storage:{storage}" in volumes
        assert "../data:/app/data:ro" in volumes
    # A spec's `root: data` is relative to where the command is given.
    assert arguments_of("WORKDIR")[-1] == "/app"


def test_sweep_joins_the_cluster_and_is_stopped_as_ray_tune_expects() -> None:
    settings = SERVICES["sweep"]
    (ray_address,) = {
        option(command(name, "ray", "start"), "--address") for name in ("worker", "sweep")
    }
    sweep = command("sweep", "python", "-m", "orchestrator.sweep")
    assert option(sweep, "--address") == ray_address
    assert ray_address == f"head:{option(command('head', 'ray', 'start'), '--port')}"
    assert sweep[-1] == "$@"  # the spec and the user's flags come last and win
    assert settings["stop_signal"] == "SIGINT"
    assert settings["profiles"] == ["sweep"]
    assert "worker" not in settings["depends_on"]


def test_who_waits_for_health_waits_for_a_health_check() -> None:
    for settings in SERVICES.values():
        for name, condition in settings.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[name]


def test_mlflow_answers_to_the_names_that_its_users_type() -> None:
    server = command("mlflow", "mlflow", "server")
    hosts = option(server, "--allowed-hosts").split(",")
    origins = option(server, "--cors-allowed-origins").split(",")
    uri = option(command("sweep", "python", "-m", "orchestrator.sweep"), "--tracking-uri")
    (mapping,) = SERVICES["mlflow"]["ports"]
    address, published, internal = mapping.split(":")
    assert internal == option(server, "--port")
    assert uri == f"http://mlflow:{internal}"
    assert hosts == [
        uri.removeprefix("http://"),
        f"localhost:{published}",
        f"{address}:{published}",
    ]
    assert origins == [f"http://localhost:{published}", f"http://{address}:{published}"]


def test_database_has_room_for_the_pools_of_every_mlflow_process() -> None:
    environment = SERVICES["mlflow"]["environment"]
    pool = int(environment["MLFLOW_SQLALCHEMYSTORE_POOL_SIZE"])
    overflow = int(environment["MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW"])
    processes = int(option(command("mlflow", "mlflow", "server"), "--workers"))
    connections = int(option(command("postgres", "postgres"), "max_connections"))
    assert processes * (pool + overflow) < connections


def test_mlflow_knows_its_variables() -> None:
    package = importlib.util.find_spec("mlflow")
    assert package is not None
    assert package.origin is not None
    known = (Path(package.origin).parent / "environment_variables.py").read_text()
    for name in SERVICES["mlflow"]["environment"]:
        assert f'"{name}"' in known


def test_readme_documents_every_variable_with_its_default() -> None:
    used = set(VARIABLE.findall(COMPOSE_TEXT))
    assert used == set(re.findall(r"^\| `([A-Z_]+)` \| `([^`]*)` \|", README, re.MULTILINE))
    assert len(used) == len(dict(used))  # one default each


def test_readme_speaks_of_services_that_exist() -> None:
    table = set(re.findall(r"^\| `([a-z]+)` \|", README, re.MULTILINE))
    assert table == set(SERVICES)
    (override,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    named = {*yaml.safe_load(override)["services"], *re.findall(r"--scale (\w+)=", README)}
    named |= set(re.findall(r"run --rm (\w+)", README)) | set(re.findall(r" cp (\w+):", README))
    assert named <= set(SERVICES)
