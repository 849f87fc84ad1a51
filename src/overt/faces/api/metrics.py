"""GET /metrics: what Prometheus reads. Text format 0.0.4, from the vitals of all processes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from litestar import Response, get
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from overt.domain.access import Denied, Resource, may
from overt.domain.measures import MEASURES, Sample, samples
from overt.domain.vitals import Vitals
from overt.faces.http.asking import Asked, address_of, rooms_of
from overt.faces.http.problems import NotFound, NotSignedIn

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


@get("/metrics", sync_to_thread=True, include_in_schema=False)
def show_metrics(request: Asked) -> Response[bytes]:
    """Every metric of docs/observing.md. With the token of DATA/keys/metrics.token, or as somebody who may see the machine."""
    rooms = rooms_of(request)
    _admit(request)
    said = rooms.observing.vitals()
    now_us = rooms.signing.accounts.clock.now_us()
    return Response(written(said, now_us), media_type=CONTENT_TYPE, headers={"cache-control": "no-store"})


def _admit(request: Asked) -> None:
    """Raise NotFound where metrics are off, NotSignedIn for whoever may not read them."""
    observing = rooms_of(request).observing
    if observing.metrics == "off":
        raise NotFound("Metrics are turned off: the setting `metrics`.")
    kind, _, bearer = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and observing.opens_to(bearer.strip()):
        return
    signed = request.state.get("signed")
    if signed is not None and signed.session.stage == "in":
        if not isinstance(may(signed.account.actor, "show", Resource("system")), Denied):
            return
    if observing.metrics == "open" and _on_this_machine(request):
        return
    raise NotSignedIn("Bring the token of DATA/keys/metrics.token: `Authorization: Bearer …`.")


def _on_this_machine(request: Asked) -> bool:
    """Whether nothing but this machine asks: what a proxy passes on comes from elsewhere, whatever address it has."""
    try:
        here = ipaddress.ip_address(address_of(request)).is_loopback
    except ValueError:
        return False
    return here and not any(name in request.headers for name in _FORWARDED)


def written(said: Mapping[str, Vitals], now_us: int) -> bytes:
    """The metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(list(samples(said, now_us))))
    return generate_latest(registry)


class _Collected:
    """Samples as prometheus_client wants them: a family a metric."""

    def __init__(self, found: Iterable[Sample]) -> None:
        self._found = list(found)

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client.registry.Collector."""
        for name, measure in MEASURES.items():
            labels = ["process", *([measure.label] if measure.label else [])]
            family: Any = (CounterMetricFamily if measure.kind == "counter" else GaugeMetricFamily)(
                f"overt_{name}", measure.meaning, labels=labels
            )
            for one in self._found:
                if one.name == name:
                    family.add_metric([value for _, value in one.labels], one.value)
            yield family


METRICS: list[Any] = [show_metrics]
