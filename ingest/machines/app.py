"""The Celery app of one archive: its queues, and how messages travel. Nothing of what is done.

A message carries the id of a piece of work and nothing else; whoever can write to the broker can wake machines and not
tell them what to do. There is no result backend: what came of it is on the desk.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from celery import Celery
from kombu.entity import Queue

from archive.errors import SettingsError
from archive.i18n import _
from archive.settings import Settings
from ingest.machines.desk import QUEUES

TASKS = {"examine": "luutru.examine", "night": "luutru.night", "report": "luutru.report"}
PREFIX = "luutru."              # of a queue's name at the broker
URGENT, USUAL = 9, 3            # priorities as AMQP counts them; Redis counts the other way round
_VISIBLE = 12 * 3600            # seconds after which Redis hands out again what nobody acknowledged: see the desk


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
        # A message is gone when the work is done or has been given back to the desk, not when it was taken.
        task_acks_late=True, task_reject_on_worker_lost=True, worker_prefetch_multiplier=1,
        task_queues=[Queue(PREFIX + name, routing_key=PREFIX + name,  # type: ignore[no-untyped-call]
                           queue_arguments=None if redis else {"x-max-priority": 10}) for name in QUEUES],
        task_create_missing_queues=False, task_default_queue=f"{PREFIX}verify",
        task_publish_retry=False,           # the desk remembers what was not sent
        broker_connection_retry_on_startup=True, broker_connection_max_retries=None, broker_connection_timeout=4,
        # Nobody steers a machine through the broker, and machines do not talk about one another there.
        worker_enable_remote_control=False, worker_send_task_events=False, worker_hijack_root_logger=False,
        worker_redirect_stdouts=False, worker_cancel_long_running_tasks_on_connection_loss=False,
        enable_utc=True)
    # Who sends does not wait for a broker that is away: the desk keeps what is to be sent.
    quickly = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1,
               "connect_retries_timeout": 1}
    app.conf.broker_transport_options = quickly | ({
        "visibility_timeout": _VISIBLE, "priority_steps": [0, 3, 6, 9], "queue_order_strategy": "priority",
        "socket_connect_timeout": 4, "socket_timeout": 30, "socket_keepalive": True} if redis else {})
    return app


def send(app: Celery, task: str, work: str, queue: str, *, urgent: bool) -> None:
    """Send the message that work of this id waits. Raises kombu's OperationalError when the broker does not take it."""
    redis = str(app.conf.broker_url).startswith("redis")
    priority = URGENT if urgent else USUAL
    app.send_task(TASKS[task], args=[work], queue=PREFIX + queue, priority=9 - priority if redis else priority,
                  ignore_result=True, retry=False)
