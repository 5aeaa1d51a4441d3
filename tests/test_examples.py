"""The examples that administrators copy: systemd, compose and logrotate take them, every command and setting exists."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import redis
import yaml

import cli
from archive import hiding, settings
from archive.settings import Settings
from tests.conftest import ROOT
from web import health

EXAMPLES = ROOT / "docs" / "examples"
COMPOSE = EXAMPLES / "compose"
UNITS = sorted((EXAMPLES / "systemd").iterdir())


def typed(words: Sequence[str]) -> None:
    """Read a command line as the program would, options and all, without running it. Raises click.ClickException."""
    command: click.Command = cli.luutru
    context, rest = None, list(words)
    while True:
        context = command.make_context(command.name or "luutru", rest, parent=context)
        rest = [*context._protected_args, *context.args]
        if not isinstance(command, click.Group):
            return
        _name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found


# --- systemd ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What systemd says of all units at once."""
    place = tmp_path_factory.mktemp("units")
    program = place / "run"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    for one in UNITS:
        (place / one.name).write_text(one.read_text(encoding="utf-8").replace("/opt/luutru/run", str(program))
                                      .replace("User=luutru", "User=root"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                           *(place / one.name for one in UNITS)], capture_output=True, text=True, check=False)
    return f"{done.stderr}\nexit {done.returncode}"


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_takes_each_unit(unit: Path, judged: str) -> None:
    assert [line for line in judged.splitlines() if unit.stem in line] == []
    assert judged.endswith("exit 0"), judged


def test_every_timer_has_its_service_and_every_unit_the_same_account_and_folder() -> None:
    names = {one.name for one in UNITS}
    for one in UNITS:
        said = one.read_text(encoding="utf-8")
        if one.suffix == ".timer":
            assert one.with_suffix(".service").name in names
        else:
            assert {"User=luutru", "WorkingDirectory=/opt/luutru", "Environment=LUUTRU_ROOT=/srv/luutru/kho",
                    "NoNewPrivileges=yes"} <= set(said.splitlines()), one.name


def test_every_command_of_a_unit_exists_with_its_options() -> None:
    lines = [line for one in UNITS for line in re.findall(r"(?m)^Exec\w+=-?/opt/luutru/run luutru (.+)$",
                                                          one.read_text(encoding="utf-8"))]
    assert len(lines) >= 6
    for line in lines:
        typed(line.split())
    with pytest.raises(click.UsageError):
        typed(["nightly", "--no-such-option"])


def test_every_setting_of_a_unit_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = dict(pair.split("=", 1) for one in UNITS
                for pair in re.findall(r"(?m)^Environment=(\S+)$", one.read_text(encoding="utf-8")))
    assert told.pop("LUUTRU_ROOT") == "/srv/luutru/kho"
    assert settings_told(told, tmp_path, monkeypatch).workers.secret_file == "%d/broker"


def settings_told(told: dict[str, str], root: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that these variables make; a variable that is no setting fails the test."""
    for name, value in told.items():
        monkeypatch.setenv(name, value)
        section, _dot, field = name.removeprefix("LUUTRU_").lower().partition("__")
        assert section in Settings.model_fields, name
        if field:
            assert field in type(getattr(Settings(), section)).model_fields, name
    return settings.load(root)


# --- compose ----------------------------------------------------------------------------------------------------

# What of the Compose Specification (compose-spec.io) the file uses: key → the forms that its value may have.
SERVICE = {"image": str, "build": dict, "command": list, "environment": dict, "secrets": list, "volumes": list,
           "depends_on": dict, "init": bool, "cap_drop": list, "security_opt": list, "restart": str, "ports": list,
           "healthcheck": dict, "stop_grace_period": str, "deploy": dict, "profiles": list, "user": str}
HEALTH = {"test": list, "interval": str, "timeout": str, "retries": int, "start_period": str}
DURATION = re.compile(r"(\d+(us|ms|s|m|h))+")
CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")
RESTART = ("no", "always", "on-failure", "unless-stopped")


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text(encoding="utf-8"))
    return told


def ours(composed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The services that run the program."""
    return {name: one for name, one in composed["services"].items() if "build" in one}


def test_the_compose_file_has_the_form_that_compose_specifies(composed: dict[str, Any]) -> None:
    assert {key for key in composed if not key.startswith("x-")} == {"name", "services", "secrets", "volumes"}
    services, secrets, volumes = composed["services"], composed["secrets"], composed["volumes"]
    assert set(services) == {"portal", "beat", "worker", "luutru", "postgres", "broker"}
    for name, one in services.items():
        assert {key: type(value) for key, value in one.items()} == {key: SERVICE[key] for key in one}, name
        assert one.get("restart", "no") in RESTART
        assert all(isinstance(word, str) for word in one.get("command", [])), name
        for key, value in one.get("environment", {}).items():
            assert isinstance(value, str), key      # numbers and booleans are read differently by different readers
        assert set(one.get("secrets", [])) <= set(secrets), name
        for volume in one.get("volumes", []):
            source, target = volume.split(":")[:2]
            assert (source in volumes or source.startswith("./")) and target.startswith("/"), volume
        for other, how in one.get("depends_on", {}).items():
            assert how["condition"] in CONDITIONS and other in services
            assert how["condition"] != "service_healthy" or "healthcheck" in services[other]
        if health_of := one.get("healthcheck"):
            assert {key: type(value) for key, value in health_of.items()} == {key: HEALTH[key] for key in health_of}
            assert health_of["test"][0] in ("CMD", "CMD-SHELL")
            for key in ("interval", "timeout", "start_period"):
                assert DURATION.fullmatch(health_of.get(key, "1s")), (name, key)
        assert DURATION.fullmatch(one.get("stop_grace_period", "1s"))
    for secret in secrets.values():
        assert set(secret) == {"file"} and secret["file"].startswith("./secrets/")
    for port in services["portal"]["ports"]:
        assert port.startswith("127.0.0.1:"), "no plain HTTP to other machines"


def test_every_command_and_every_setting_of_the_compose_file_exists(
        composed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {name: one["command"] for name, one in ours(composed).items()}
    assert {"portal", "beat", "worker", "luutru"} == set(said)
    for words in said.values():
        typed(words)
    for line in re.findall(r"(?m)^#.*\brun --rm luutru (.+?)(?:\s{2,}#.*)?$", (COMPOSE / "compose.yaml").read_text()):
        typed([word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)])
    (told,) = {json.dumps(one["environment"]) for one in ours(composed).values()}       # all machines the same
    variables = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in json.loads(told).items()}
    assert variables.pop("PGPASSFILE") == "/run/secrets/pgpass"
    assert variables.pop("FORWARDED_ALLOW_IPS") == "*"      # uvicorn's; safe while the port is this machine's only
    made = settings_told(variables, tmp_path, monkeypatch)
    assert made.ingest.inbox == [Path("/srv/inbox")] and made.backup.targets == {"nas": "/srv/backup"}
    assert urlsplit(made.web.address).scheme == "https"


def test_secrets_are_files_and_in_no_variable(composed: dict[str, Any]) -> None:
    for name, one in composed["services"].items():
        told = json.dumps(one)
        read = set(re.findall(r"/run/secrets/(\w+)", told))
        assert read == set(one.get("secrets", [])), name
        for value in one.get("environment", {}).values():
            assert hiding.password_in(value) == ""
        assert not re.search(r"(?i)(password|secret|pin)\"?: \"?(?!/run/secrets/)[\w$]", json.dumps(
            {key: value for key, value in one.get("environment", {}).items() if not key.endswith("FILE")}))


def test_the_portals_health_check_asks_for_a_page_that_there_is(composed: dict[str, Any]) -> None:
    script = composed["services"]["portal"]["healthcheck"]["test"][-1]
    (address,) = [node.value for node in ast.walk(ast.parse(script))
                  if isinstance(node, ast.Constant) and str(node.value).startswith("http")]
    parts, command = urlsplit(address), composed["services"]["portal"]["command"]
    assert parts.path in {route.path for route in health.router.routes}     # type: ignore[attr-defined]
    assert str(parts.port) == command[command.index("--port") + 1]
    assert parts.hostname == "127.0.0.1"        # the portal answers to no name that it does not know


@pytest.fixture
def broker(composed: dict[str, Any], tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Redis as the compose file starts it, on another port and with its secret in another place."""
    (tmp_path / "broker").write_text("mùa thu\n", encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    said = composed["services"]["broker"]["command"]
    line = said[-1].replace("$$", "$").replace("/run/secrets", str(tmp_path)).replace("6379", str(port))
    running = subprocess.Popen([*said[:-1], line], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0 or running.poll() is not None:
                break
        time.sleep(0.02)
    yield port, tmp_path
    running.terminate()
    assert running.wait(10) == 0, "the signal reaches the server itself"


def test_the_broker_starts_asks_for_its_password_and_is_found_healthy(
        composed: dict[str, Any], broker: tuple[int, Path]) -> None:
    port, place = broker
    check = composed["services"]["broker"]["healthcheck"]["test"]
    line = check[-1].replace("$$", "$").replace("/run/secrets", str(place)).replace("6379", str(port))
    assert subprocess.run(["sh", "-c", line], check=False, capture_output=True).returncode == 0
    with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    with redis.Redis(port=port, password="mùa thu") as known:
        assert known.ping()
    (place / "broker").write_text("another\n", encoding="utf-8")
    assert subprocess.run(["sh", "-c", line], check=False, capture_output=True).returncode != 0


def test_what_the_container_holds_is_enough_to_run_the_program(tmp_path: Path) -> None:
    lines = re.sub(r"\\\n", " ", (COMPOSE / "Containerfile").read_text(encoding="utf-8")).splitlines()
    steps = [line.split(None, 1) for line in lines if line and not line.startswith("#")]
    assert {word for word, _rest in steps} <= {"FROM", "RUN", "USER", "WORKDIR", "COPY", "ENV", "ENTRYPOINT", "CMD"}
    allowed = {line[1:] for line in (COMPOSE / "Containerfile.dockerignore").read_text().splitlines()
               if line.startswith("!")}
    for words in (rest.split() for word, rest in steps if word == "COPY"):
        *sources, target = [word for word in words if not word.startswith("--")]
        assert set(sources) <= allowed
        for source in sources:
            if (ROOT / source).is_dir():
                # Links stand for the sources here: nothing is read that is not copied.
                (tmp_path / target).symlink_to(ROOT / source, target_is_directory=True)
            else:
                shutil.copy2(ROOT / source, tmp_path / target)
    assert json.loads(dict(steps)["ENTRYPOINT"]) == ["/opt/luutru/run", "luutru"]
    (installed,) = [rest for word, rest in steps if word == "RUN" and "apt-get install" in rest]
    packages = installed.split("--no-install-recommends")[1].split("&&")[0].split()
    told = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert {one for one in packages if one not in told} <= {"ca-certificates"}
    # As `run` starts it, in an environment that has the locked packages.
    done = subprocess.run([sys.executable, "-P", "-m", "cli", "--root", tmp_path / "kho", "init", "--code", "H37.01",
                           "--name", "Sở Nội vụ", "--json"], capture_output=True, text=True, check=False,
                          env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}, cwd=tmp_path)
    assert done.returncode == 0 and json.loads(done.stdout)["agency"]["code"] == "H37.01", done.stderr


# --- logrotate --------------------------------------------------------------------------------------------------


def test_logrotate_turns_the_log_over_and_what_keeps_it_open_goes_on(tmp_path: Path) -> None:
    program = shutil.which("logrotate") or "/usr/sbin/logrotate"
    log = tmp_path / "log" / "luutru.jsonl"
    log.parent.mkdir()
    conf = tmp_path / "luutru.conf"
    said = (EXAMPLES / "logrotate" / "luutru").read_text(encoding="utf-8")
    conf.write_text(re.sub(r"(?m)^    su .*\n", "", said).replace("/srv/luutru/kho", str(tmp_path))
                    .replace("/srv/luutru", str(tmp_path)), encoding="utf-8")
    with log.open("a", encoding="utf-8") as held:
        held.write('{"event": "một"}\n')
        held.flush()
        subprocess.run([program, "--force", "--state", tmp_path / "state", conf], check=True, capture_output=True)
        held.write('{"event": "hai"}\n')
    assert log.read_text(encoding="utf-8") == '{"event": "hai"}\n'
    (old,) = log.parent.glob("luutru.jsonl-*")
    assert "một" in old.read_text(encoding="utf-8")


def test_this_machine_can_judge_the_examples() -> None:
    for program in ("systemd-analyze", "redis-server", "redis-cli"):
        assert shutil.which(program), f"{program} is needed to check the examples"
