"""What took how long, told to a collector of traces (OpenTelemetry, OTLP by HTTP): nights, stages, items, requests.

Off unless `telemetry.collector` names one. Spans carry ids of batches and items, counts and states: never a name, a
subject, a person, or what somebody asked for. A collector that is away costs a night nothing but what it would have
been told. The library is an extra and is loaded only when there is something to tell.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

import structlog

from archive import __version__
from archive.settings import Settings

Progress = Callable[[str, int, int], None]

PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
PATH = "/v1/traces"
AGAIN = 30.0            # seconds for which a collector that took nothing is not asked
QUEUE = 20_000          # spans that wait for it at most; what is more is lost

log = structlog.get_logger()
_here: ContextVar[Teller | None] = ContextVar("luutru_telemetry", default=None)


def installed() -> bool:
    """Whether the extra `telemetry` is there."""
    try:
        return all(importlib.util.find_spec(name) is not None for name in PACKAGES)
    except ModuleNotFoundError:
        return False


def wanted(settings: Settings) -> bool:
    """Whether anything is to be told, and can be."""
    return bool(settings.telemetry.collector) and installed()


def address(settings: Settings) -> str:
    """Where spans are sent."""
    told = settings.telemetry.collector.rstrip("/")
    return told if told.endswith(PATH) else told + PATH


def headers(settings: Settings) -> dict[str, str]:
    """What goes with them: the collector's token, where there is one."""
    told = settings.telemetry
    secret = os.environ.get(told.secret_env, "").strip()
    if told.secret_file:
        try:
            secret = settings.path(Path(told.secret_file)).read_text(encoding="utf-8").partition("\n")[0].strip()
        except (OSError, UnicodeDecodeError) as error:      # told by luutru doctor; a night does not fail for it
            log.warning("telemetry.secret_file cannot be read", error=type(error).__name__)
    return {"Authorization": f"Bearer {secret}"} if secret else {}


class Teller:
    """The way to one collector; open until `close`, which waits `telemetry.seconds` at most. Needs the extra."""

    def __init__(self, settings: Settings, part: str, *, share: float = 1.0) -> None:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)       # what is lost is told once, at the end
        self.trace, self.seconds = trace, settings.telemetry.seconds
        self.exporter = _Patient(OTLPSpanExporter(address(settings), timeout=self.seconds, headers=headers(settings)))
        self.provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(share)), shutdown_on_exit=False,
            resource=Resource({"service.name": "luutru", "service.namespace": part, "service.version": __version__}))
        self.provider.add_span_processor(BatchSpanProcessor(
            cast(Any, self.exporter), max_queue_size=QUEUE, schedule_delay_millis=2000, max_export_batch_size=512))
        self.tracer = self.provider.get_tracer("luutru", __version__)
        self.above: list[Any] = []          # the spans that are open here, outermost first

    def begin(self, name: str, **about: str | int) -> Any:
        """A span under the innermost that is open, for `end`."""
        span = self.tracer.start_span(name, context=self._under(), attributes=_attributes(about))
        self.above.append(span)
        return span

    def end(self, span: Any, failed: str = "") -> None:
        """End it, and those that were left open under it; `failed`: the kind of error that ended it."""
        while self.above:
            last = self.above.pop()
            last.set_attributes(_attributes({}))        # the batch is known by now
            if failed:
                last.set_attribute("error.type", failed)
                last.set_status(self.trace.StatusCode.ERROR)
            last.end()
            if last is span:
                return

    def past(self, name: str, begun: float, ended: float, *, under: Any = None, **about: str | int) -> Any:
        """A span of what is over: seconds since 1970. A clock that was set back makes it 0 long, never negative."""
        context = self.trace.set_span_in_context(under) if under is not None else self._under()
        span = self.tracer.start_span(name, context=context, attributes=_attributes(about), start_time=_ns(begun))
        span.end(_ns(max(begun, ended)))
        return span

    def close(self) -> None:
        """Send what waits; what is not taken in time is lost, and that is told."""
        ending = threading.Thread(target=self.provider.shutdown, daemon=True)
        ending.start()
        ending.join(self.seconds)
        if self.exporter.lost or ending.is_alive():
            log.warning("the collector did not take everything", spans=self.exporter.lost)

    def _under(self) -> Any:
        return self.trace.set_span_in_context(self.above[-1]) if self.above else None


@contextmanager
def telling(settings: Settings, part: str) -> Iterator[Teller | None]:
    """A way to the collector for as long as the block runs; None where nothing is to be told."""
    if not wanted(settings):
        yield None
        return
    teller = Teller(settings, part)
    token = _here.set(teller)
    try:
        yield teller
    finally:
        _here.reset(token)
        teller.close()


@contextmanager
def night(settings: Settings, progress: Progress) -> Iterator[Progress]:
    """Tell of a night, each stage that reports its progress and each item; what to report progress to meanwhile."""
    with telling(settings, "night") as teller:
        if teller is None:
            yield progress
            return
        whole = teller.begin("night")
        stage: list[Any] = ["", None]

        def watched(name: str, done: int, total: int) -> None:
            if name != stage[0]:
                if stage[1] is not None:
                    teller.end(stage[1])
                stage[:] = [name, teller.begin(f"night {name}")]
            stage[1].set_attribute("luutru.count", total)
            progress(name, done, total)

        try:
            yield watched
        except BaseException as error:
            teller.end(whole, failed=type(error).__name__)
            raise
        teller.end(whole)


def item(identity: str, times: Sequence[Sequence[Any]], *, failed: bool = False) -> None:
    """Tell of an examined item: `times` has [stage, begun, ended] of each of its stages, seconds since 1970."""
    teller = _here.get()
    if teller is None or not times:
        return
    begun, ended = min(float(one[1]) for one in times), max(float(one[2]) for one in times)
    span = teller.tracer.start_span("item", context=teller._under(), start_time=_ns(begun), attributes=_attributes(
        {"luutru.item": identity, "luutru.failed": int(failed)}))
    for name, started, stopped in times:
        teller.past(f"item {name}", float(started), float(stopped), under=span, **{"luutru.item": identity})
    span.end(_ns(max(begun, ended)))


def _attributes(about: Mapping[str, str | int]) -> dict[str, str | int]:
    """`about` and the batch that is at work (the technical log's context has it)."""
    batch = structlog.contextvars.get_contextvars().get("batch", "")
    return {**({"luutru.batch": batch} if batch else {}), **about}


def _ns(seconds: float) -> int:
    return int(seconds * 1_000_000_000)


class _Patient:
    """An exporter that is left alone for a while whenever it did not get through: nobody waits for it again."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.lost, self.until = inner, 0, 0.0

    def export(self, spans: Sequence[Any]) -> Any:
        """Send them, or count them as lost."""
        from opentelemetry.sdk.trace.export import SpanExportResult

        if time.monotonic() >= self.until:
            with contextlib.suppress(Exception):        # of whatever carries it
                if self.inner.export(spans) is SpanExportResult.SUCCESS:
                    return SpanExportResult.SUCCESS
            self.until = time.monotonic() + AGAIN
        self.lost += len(spans)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Give the connection back."""
        self.inner.shutdown()

    def force_flush(self, timeout_millis: int = 0) -> bool:
        """Nothing waits here."""
        return True
