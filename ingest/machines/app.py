"""The Celery app of one archive: its queues, and how messages travel. Nothing of what is done.

A message carries the id of a piece of work and nothing else; whoever can write to the broker can wake machines and not
tell them what to do. There is no result backend: what came of it is on the desk.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from celery import Celery
from kombu.entity import Queue

from archive.errors import LuuTruError, SettingsError
from archive.i18n import _
from archive.settings import Settings
from ingest.machines.desk import QUEUES

TASKS = {"examine": "luutru.examine", "night": "luutru.night", "report": "luutru.report"}
PREFIX = "luutru."              # of a queue's name at the broker
URGENT, USUAL = 9, 3            # priorities as AMQP counts them; Redis counts the other way round
CONFIRM_SECONDS = 5.0           # in which RabbitMQ must say that it has a message
_CONNECT_SECONDS = 4
_HEARTBEAT_SECONDS = 30         # a machine whose RabbitMQ is silent for two of these connects anew
_VISIBLE = 12 * 3600            # seconds after which Redis hands out again what nobody acknowledged: see the desk
_FOR_A_MOMENT = 1               # delivery mode: RabbitMQ need not write messages to its disk, the desk remembers them
# A name, password or virtual host that is wrong: asking again does not help.
_REFUSALS = {"AccessRefused", "NotAllowed", "AuthenticationError", "AuthenticationWrongNumberOfArgsError",
             "NoPermissionError", "ResponseError", "SSLCertVerificationError"}


class BrokerAwayError(LuuTruError):
    """The broker does not answer, or does not take messages; `kind` is the library's name for it, without addresses."""

    def __init__(self, error: BaseException) -> None:
        self.kind = type(error).__name__
        super().__init__(_("the broker does not answer, or does not take messages ({error})").format(error=self.kind))


def broker_of(settings: Settings) -> str:
    """The broker's address with its password, which comes from a file or the environment. Raises SettingsError."""
    told = settings.workers
    if not told.broker:
        raise SettingsError(_("workers.broker names no broker: this archive's nights are run by one machine"))
    parts = urlsplit(told.broker)
    if parts.scheme not in ("redis", "rediss", "amqp", "amqps"):
        raise SettingsError(_("workers.broker: “{value}” is no address of Redis or RabbitMQ").format(
            value=f"{parts.scheme}://…"))
    secret = os.environ.get(told.secret_env, "").strip()
    if told.secret_file:
        try:
            secret = settings.path(Path(told.secret_file)).read_text("utf-8").partition("\n")[0].strip()
        except OSError as error:
            raise SettingsError(f"workers.secret_file: {error.strerror}") from error
    if not secret or parts.password:
        return told.broker
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:{quote(secret, safe='')}@{place}"))


def make_app(settings: Settings) -> Celery:
    """The Celery app of this archive. Raises SettingsError when no broker is set."""
    address = broker_of(settings)
    app = Celery("luutru", broker=address, set_as_current=False)
    redis = address.startswith("redis")
    app.conf.update(
        task_serializer="json", accept_content=["json"], task_ignore_result=True, result_backend=None,
        # A message is gone when the work is done or has been given back to the desk, not when it was taken. (One that
        # lasts is acknowledged in between: serving.py.)
        task_acks_late=True, task_reject_on_worker_lost=True, worker_prefetch_multiplier=1,
        task_queues=[Queue(PREFIX + name, routing_key=PREFIX + name,  # type: ignore[no-untyped-call]
                           queue_arguments=None if redis else {"x-max-priority": 10}) for name in QUEUES],
        task_create_missing_queues=False, task_default_queue=f"{PREFIX}verify",
        task_default_delivery_mode=_FOR_A_MOMENT,
        task_publish_retry=False,           # the desk remembers what was not sent
        broker_connection_retry_on_startup=True, broker_connection_max_retries=None,
        broker_connection_timeout=_CONNECT_SECONDS, broker_channel_error_retry=True,
        broker_heartbeat=_HEARTBEAT_SECONDS, broker_use_ssl=_tls(address),
        # Nobody steers a machine through the broker, and machines do not talk about one another there.
        worker_enable_remote_control=False, worker_send_task_events=False, worker_hijack_root_logger=False,
        worker_redirect_stdouts=False, worker_cancel_long_running_tasks_on_connection_loss=False,
        enable_utc=True)
    # Who sends does not wait for a broker that is away: the desk keeps what is to be sent.
    quickly = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1,
               "connect_retries_timeout": 1}
    app.conf.broker_transport_options = quickly | ({
        "visibility_timeout": _VISIBLE, "priority_steps": [0, 3, 6, 9], "queue_order_strategy": "priority",
        "socket_connect_timeout": _CONNECT_SECONDS, "socket_timeout": 30, "socket_keepalive": True} if redis else {
        # Else a RabbitMQ that is short of memory or disk would let messages pile up on the way, and nobody knew.
        "confirm_publish": True, "write_timeout": CONFIRM_SECONDS})
    return app


def _tls(address: str) -> dict[str, Any] | None:
    """Who encrypts also wants to know to whom: the libraries ask for no certificate (Redis), or for anybody's (AMQP).

    Certificates of an authority of one's own: SSL_CERT_FILE in the environment.
    """
    if address.startswith("rediss:"):
        return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    if address.startswith("amqps:"):
        return {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": urlsplit(address).hostname}
    return None


def greet(settings: Settings) -> None:
    """Connect to the broker once. Raises BrokerAwayError, or SettingsError when it will not have us."""
    connection = make_app(settings).connection_for_read()
    try:
        connection.ensure_connection(max_retries=1, interval_start=0, reraise_as_library_errors=False)
    except _errors(connection) as error:
        away = BrokerAwayError(error)
        if away.kind in _REFUSALS:
            raise SettingsError(_("workers.broker: the broker refuses this name, password, virtual host or "
                                  "certificate ({error})").format(error=away.kind)) from None
        raise away from None
    finally:
        connection.collect(socket_timeout=1)


class Sender:
    """Sends messages over one connection, which is opened when it is needed and thrown away when it fails.

    Raises SettingsError when no broker is set.
    """

    def __init__(self, settings: Settings) -> None:
        self.app = make_app(settings)
        self._redis = str(self.app.conf.broker_url).startswith("redis")
        self._connection: Any = None
        self._producer: Any = None

    def send(self, task: str, work: str, queue: str, *, urgent: bool) -> None:
        """Send the message that work of this id waits. Raises BrokerAwayError when the broker does not take it."""
        priority = URGENT if urgent else USUAL
        if self._connection is None:
            self._connection = self.app.connection_for_write()
            self._producer = self.app.amqp.Producer(self._connection, auto_declare=False)
        try:
            self.app.send_task(TASKS[task], args=[work], queue=PREFIX + queue, producer=self._producer,
                               priority=9 - priority if self._redis else priority,
                               ignore_result=True, retry=False, confirm_timeout=CONFIRM_SECONDS)
        except _errors(self._connection) as error:
            self.close()
            raise BrokerAwayError(error.__cause__ or error) from error

    def close(self) -> None:
        """Drop the connection; nothing is said to a broker that may not listen."""
        if self._connection is not None:
            self._connection.collect(socket_timeout=1)
            self._connection = self._producer = None


def _errors(connection: Any) -> tuple[type[BaseException], ...]:
    """What a broker that is away, full, or unwilling may raise."""
    from amqp.exceptions import MessageNacked
    from kombu.exceptions import OperationalError

    return OperationalError, OSError, MessageNacked, *connection.connection_errors, *connection.channel_errors
