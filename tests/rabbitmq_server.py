"""A real RabbitMQ server of the tests' own, on free ports, stopped by its own pid.

Erlang's name server (epmd) is started here as well, on a port of its own: RabbitMQ would start the machine's, and leave
it running.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")     # without Debian's wrapper, which changes the user
START_SECONDS = 120         # with the other tests beside it


class RabbitMQServer:
    """A broker whose queues last and whose messages do not; `url` names a user who may do everything.

    `settings` are further Erlang terms of its application `rabbit`.
    """

    def __init__(self, address: str = "127.0.0.1", *settings: str) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="luutru-rabbitmq-"))
        self.port, self.distribution, self.names = free_ports(3)
        self.url = f"amqp://luutru@{address}:{self.port}/"
        self.secret_file = self.place / "mat-khau"
        self.secret_file.write_text("mat-khau\n")
        # As Erlang's own terms: to read the other kind of file RabbitMQ compiles a schema first.
        (self.place / "advanced.config").write_text("[{rabbit, [" + ", ".join([
            f'{{tcp_listeners, [{{"{address}", {self.port}}}]}}', '{default_user, <<"luutru">>}',
            '{default_pass, <<"mat-khau">>}', "{loopback_users, []}", "{disk_free_limit, 1000000}", *settings]) +
            "]}, {ra, [{wal_max_size_bytes, 1000000}, {wal_pre_allocate, false}]}].\n")        # else half a gigabyte
        (self.place / "plugins").write_text("[].\n")
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.place), "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": f"luutru{self.port}@localhost", "RABBITMQ_CONFIG_FILE": str(self.place / "none"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.place / "advanced.config"),
            "RUNNING_UNDER_SYSTEMD": "yes",         # no shell stays in front of it
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.place / "plugins"), "RABBITMQ_LOG_BASE": str(self.place),
            "RABBITMQ_MNESIA_BASE": str(self.place), "RABBITMQ_PID_FILE": str(self.place / "pid"),
            "RABBITMQ_DIST_PORT": str(self.distribution), "ERL_EPMD_PORT": str(self.names),
            "ERL_EPMD_ADDRESS": "127.0.0.1", "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            # A processor that waits for work does not turn round in the meantime.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"}
        epmd = shutil.which("epmd")
        assert epmd is not None and PROGRAM.exists(), "rabbitmq-server is missing: apt-get install rabbitmq-server"
        self.epmd = subprocess.Popen([epmd], env=self.environment, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.place / "said.txt").open("ab") as said:
            self.running = subprocess.Popen([PROGRAM], env=self.environment, cwd=self.place, stdout=said,
                                            stderr=said, stdin=subprocess.DEVNULL, start_new_session=True)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.running.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex((self.url.rpartition("@")[2].partition(":")[0], self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("RabbitMQ does not answer:\n" + (self.place / "said.txt").read_text()[-3000:])

    def kill(self) -> None:
        """As a machine goes that is switched off: the program and what it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait()

    def close(self) -> None:
        """End it for good: there is nothing in it that anybody wants."""
        self.kill()
        self.epmd.kill()
        self.epmd.wait()
        shutil.rmtree(self.place, ignore_errors=True)


def free_ports(many: int) -> list[int]:
    """Ports on which nobody listens, all different."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(many)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
