"""By hand: one night on two hosts with networks, names and mounts of their own, and the cable of one is pulled.

    python -m tests.two_hosts [--broker redis|rabbitmq] [--cut SECONDS] [--beats]

Needs root and iproute2. Three `luutru worker` run in two network namespaces, in each of which the archive's folder is
mounted elsewhere; database and broker are reached over veth pairs. While a machine of the first host has something in
hand, its cable is down for SECONDS (nobody is told: no connection is closed). Ends with 0 when the archive is the same
as the one that one machine makes alone. With --beats the night is not started here: two `luutru beat`, one on each
host, ask for it, and the one that holds the clock is killed.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from archive import clock, settings
from ingest.machines.desk import Desk
from tests import postgres, test_kill
from tests.conftest import ROOT
from tests.night_lives import environment
from tests.rabbitmq_server import RabbitMQServer
from tests.redis_server import RedisServer
from tests.test_celery_nights import make_archive, make_inbox, picture

SERVICES = "10.213.9.1"         # where both hosts find database and broker
LEASE = 4.0


class Host:
    """A network, a name and mounts of its own, and a cable to the switch where the services are."""

    def __init__(self, number: int, shared: Path, place: Path, switch: str) -> None:
        self.name, self.cable = f"{switch}-{number}", f"{switch}v{number}"
        self.shared, self.seen = shared, place / f"host-{number}" / "kho-chung"
        self.seen.mkdir(parents=True)
        self.running: list[subprocess.Popen[bytes]] = []
        for words in (f"netns add {self.name}", f"link add {self.cable} type veth peer name eth0 netns {self.name}",
                      f"link set {self.cable} master {switch}", f"link set {self.cable} up",
                      f"-n {self.name} addr add 10.213.9.{10 + number}/24 dev eth0",
                      f"-n {self.name} link set eth0 up", f"-n {self.name} link set lo up"):
            ip(words)

    def run(self, *words: str) -> subprocess.Popen[bytes]:
        """`luutru …` on this host."""
        script = f'hostname {self.name} && mount --bind "{self.shared}" "{self.seen}" && exec "$@"'
        made = subprocess.Popen(
            ["ip", "netns", "exec", self.name, "unshare", "--mount", "--uts", "sh", "-c", script, "sh",
             sys.executable, "-P", "-m", "cli", "--root", str(self.seen), *words],
            env=environment() | {"PYTHONPATH": str(ROOT)}, cwd=ROOT, start_new_session=True)
        self.running.append(made)
        return made

    def cut(self, down: bool) -> None:
        """Pull the cable, or put it in again."""
        ip(f"link set {self.cable} {'down' if down else 'up'}")

    def close(self) -> None:
        for one in self.running:
            with suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            one.wait()
        ip(f"netns del {self.name}")


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True, capture_output=True)


def relay(port: int) -> None:
    """Let what listens on 127.0.0.1 be reached by the hosts."""
    listening = socket.create_server((SERVICES, port))

    def pump(one: socket.socket) -> None:
        with one, suppress(OSError), socket.create_connection(("127.0.0.1", port)) as other:
            way = {one: other, other: one}
            while True:
                for ready in select.select(list(way), [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    way[ready].sendall(data)

    def accept() -> None:
        while True:
            threading.Thread(target=pump, args=[listening.accept()[0]], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def main() -> int:
    """Run it; 0 when the archive is the same."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", choices=("redis", "rabbitmq"), default="rabbitmq")
    parser.add_argument("--cut", type=float, default=10.0)
    parser.add_argument("--beats", action="store_true")
    told = parser.parse_args()
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="luutru-hosts-")))
        make_inbox(place / "inbox")
        make_archive(place / "alone" / "kho", place / "inbox")
        if not told.beats:
            assert test_kill.night(place / "alone" / "kho") == 0
        switch = f"lt{os.getpid()}"
        ip(f"link add {switch} type bridge")
        stack.callback(ip, f"link del {switch}")
        ip(f"addr add {SERVICES}/24 dev {switch}")
        ip(f"link set {switch} up")
        broker: Any = RedisServer() if told.broker == "redis" else RabbitMQServer()
        stack.callback(broker.close)
        database = postgres.database(stack.enter_context(postgres.server()))
        for url in (database, broker.url):
            relay(int(url.rpartition(":")[2].partition("/")[0]))
        shared = place / "shared" / "kho"
        make_archive(shared, place / "inbox", database=database.replace("127.0.0.1", SERVICES), workers={
            "broker": broker.url.replace("127.0.0.1", SERVICES), "secret_file": str(broker.secret_file),
            "lease_seconds": LEASE, "patience_seconds": 60.0, "ahead": 8,
            "night_at": clock.in_vietnam(clock.now()).strftime("%H:%M")})
        hosts = [Host(n, shared, place, switch) for n in (1, 2)]
        for host in hosts:
            stack.callback(host.close)
        return night(told, shared, place, hosts)


def night(told: argparse.Namespace, shared: Path, place: Path, hosts: list[Host]) -> int:
    desk = Desk(settings.load(shared))
    queues = ["--queue", "ocr", "--queue", "verify", "--queue", "io"]
    for host, many in zip(hosts, (2, 1), strict=True):
        for n in range(many):
            host.run("worker", "run", "--processors", "1", "--name", f"{host.name}/{n}", *queues)
    while len(desk.machines()) < 3:
        time.sleep(0.1)
    print("machines:", ", ".join(one.name for one in desk.machines()))
    took: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    over = threading.Event()

    def watch() -> None:
        seen = set()
        while not over.wait(0.02):
            for work in desk.all():
                if work.state == "claimed" and (work.id, work.token) not in seen:
                    seen.add((work.id, work.token))
                    took[work.machine] += 1
                if work.error.startswith("the machine was silent"):
                    lost[work.error] += 1
    watching = threading.Thread(target=watch)
    watching.start()

    def cut() -> None:
        while not any(work.machine.startswith(hosts[0].name) and work.state == "claimed" for work in desk.all()):
            if over.wait(0.005):
                return
        hosts[0].cut(True)
        print(f"cable of {hosts[0].name} pulled", flush=True)
        over.wait(told.cut)
        hosts[0].cut(False)
        print(f"cable of {hosts[0].name} in again", flush=True)
    cutting = threading.Thread(target=cut)
    if told.cut:
        cutting.start()
    begun = time.monotonic()
    code = beats(desk, hosts) if told.beats else test_kill.night(shared)
    print(f"ended with {code}, {time.monotonic() - begun:.1f} s; taken: {dict(took)}; taken back: {dict(lost)}")
    over.set()
    watching.join()
    if told.cut:
        cutting.join()
        hosts[0].cut(False)
    desk.close()
    if not told.beats:          # its clock was not stopped
        test_kill.assert_same(picture(shared), picture(place / "alone" / "kho"))
    print("the same archive" if not told.beats else "one night")
    return code


def beats(desk: Desk, hosts: list[Host]) -> int:
    """Two beats ask for the night; a machine of each host may run it."""
    for host in hosts:
        host.run("worker", "run", "--processors", "1", "--name", f"{host.name}/night", "--queue", "night")
    first = hosts[0].run("beat")
    while not [work for work in desk.all() if work.task == "night"]:
        time.sleep(0.1)
    second = hosts[1].run("beat")
    os.killpg(first.pid, signal.SIGKILL)
    while not [work for work in desk.all() if work.task == "night" and work.state == "done"]:
        time.sleep(0.2)
    time.sleep(8)       # two ticks of the second beat: nothing is asked for twice
    nights = [work for work in desk.all() if work.task == "night"]
    print("nights:", [(work.id, work.state, work.machine, work.told) for work in nights])
    assert second.poll() is None and len(nights) == 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
