"""The metric families of design section 6, as a table, and their exposition in small slices.

A family is a row of FAMILIES: its samples are read from a View when somebody asks. Nothing is
counted here; whoever does the work keeps the counter.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from rrdns import __version__
from rrdns.health.state import health
from rrdns.names import to_text
from rrdns.targets import Check, Health, Reason, TlsSession
from rrdns.web.view import Use, View, in_rotation, selections, uses

# About a millisecond of rendering: between two slices the main thread serves queries.
SLICE_SAMPLES = 100
MAX_CERTIFICATE_NAMES = 5
TARGET = ("node", "role", "address", "port")
_EOF = b"# EOF\n"


@dataclass(frozen=True)
class Scrape:
    """A View with what several families need of it, worked out once."""

    view: View
    uses: tuple[Use, ...]
    in_rotation: frozenset[Use]


Row = tuple[Sequence[str], float]
Rows = Iterable[Row]


@dataclass(frozen=True)
class Family:
    """One metric family; `rows` yields a sample's label values and its value."""

    name: str
    kind: Literal["counter", "gauge", "info"]
    documentation: str
    labels: tuple[str, ...]
    rows: Callable[[Scrape], Rows]

    def metric(self, rows: Rows) -> Metric:
        """Return the family with these samples."""
        suffix = {"counter": "_total", "info": "_info", "gauge": ""}[self.kind]
        metric = Metric(self.name.removesuffix(suffix), self.documentation, self.kind)
        for labels, value in rows:
            metric.add_sample(self.name, dict(zip(self.labels, labels, strict=True)), value)
        return metric


# --- samples ----------------------------------------------------------------------------------


def _single(value: Callable[[View], float]) -> Callable[[Scrape], Rows]:
    return lambda scrape: [((), value(scrape.view))]


def _build_info(scrape: Scrape) -> Rows:
    yield (__version__, scrape.view.executor), 1


def _config_info(scrape: Scrape) -> Rows:
    yield (scrape.view.config.sha256,), 1


def _leads(scrape: Scrape) -> Rows:
    counted = scrape.view.traffic.leads
    yield from counted.items()
    # A series that starts at 0 is one whose first increase a rate() can see.
    for host, selection in selections(scrape.view):
        for member in selection.selected:
            key = (to_text(host.name), member.target.address)
            if key not in counted:
                yield key, 0


def _node_healthy(scrape: Scrape) -> Rows:
    for use in scrape.uses:
        state = scrape.view.states.get(use.target.key)
        effective = health(state) if state is not None else Health.UNKNOWN
        if found := use.override(scrape.view):
            effective = Health(found[1].state.value)
        yield use.labels, effective in (Health.UP, Health.UNKNOWN)


def _node_override(scrape: Scrape) -> Rows:
    for use in scrape.uses:
        if found := use.override(scrape.view):
            yield (*use.labels, str(found[1].state)), 1


def _node_in_rotation(scrape: Scrape) -> Rows:
    for use in scrape.uses:
        yield use.labels, use in scrape.in_rotation


def _host_failopen(scrape: Scrape) -> Rows:
    for host, selection in selections(scrape.view):
        yield (to_text(host.name), str(selection.family)), selection.failopen


def _host_degraded(scrape: Scrape) -> Rows:
    for host, selection in selections(scrape.view):
        yield (to_text(host.name), str(selection.family)), selection.degraded


def _probe_success(scrape: Scrape) -> Rows:
    for use in scrape.uses:
        state = scrape.view.states.get(use.target.key)
        if state is not None and state.last is not None:
            yield use.labels, state.last.ok


def _probe_duration(scrape: Scrape) -> Rows:
    for use in scrape.uses:
        state = scrape.view.states.get(use.target.key)
        if state is not None and state.last is not None:
            for phase, seconds in state.last.seconds.items():
                yield (*use.labels, phase), seconds


def _probe_failures(scrape: Scrape) -> Rows:
    for use in scrape.uses:
        if use.target.settings.check is Check.NONE:
            continue
        key = use.target.key
        for reason in Reason:
            if reason is not Reason.OK:
                labels = (*use.labels, str(reason))
                yield labels, scrape.view.probe_failures.get((key, reason), 0)


def _probe_age(scrape: Scrape) -> Rows:
    for use in scrape.uses:
        state = scrape.view.states.get(use.target.key)
        if state is None or use.target.settings.check is Check.NONE:
            continue
        # A check that never told anything ages, too: it would be missed else.
        last_at = state.since if state.last_at is None else state.last_at
        yield use.labels, scrape.view.monotonic_now - last_at


def _cert_expiry(scrape: Scrape) -> Rows:
    for use in scrape.uses:
        session = _tls_session(scrape, use)
        if session is not None and session.earliest_expiry is not None:
            yield use.labels, session.earliest_expiry


def _cert_info(scrape: Scrape) -> Rows:
    for use in scrape.uses:
        session = _tls_session(scrape, use)
        if session is not None:
            names = ", ".join(session.names[:MAX_CERTIFICATE_NAMES])
            yield (*use.labels, session.version or "", names), 1


def _tls_session(scrape: Scrape, use: Use) -> TlsSession | None:
    state = scrape.view.states.get(use.target.key)
    return state.last.tls if state is not None and state.last is not None else None


FAMILIES: tuple[Family, ...] = (
    Family("rrdns_build_info", "info", "The version that runs and the executor that answers.",
           ("version", "executor"), _build_info),
    Family("rrdns_start_time_seconds", "gauge", "When the server started, in unix seconds.",
           (), _single(lambda view: view.started_at)),
    Family("rrdns_dns_requests_total", "counter", "DNS queries received.",
           ("proto", "family", "type"), lambda scrape: scrape.view.traffic.requests.items()),
    Family("rrdns_dns_responses_total", "counter",
           "DNS replies found; of these rate limiting may have dropped some.",
           ("proto", "rcode"), lambda scrape: scrape.view.traffic.responses.items()),
    Family("rrdns_dns_dropped_total", "counter", "DNS messages that got no reply.",
           ("reason",),
           lambda scrape: (((key,), n) for key, n in scrape.view.traffic.dropped.items())),
    Family("rrdns_dns_truncated_total", "counter", "DNS replies sent empty with TC set.",
           (), _single(lambda view: view.traffic.truncated)),
    Family("rrdns_dns_table_misses_total", "counter",
           "DNS queries that the table had nothing for; the responder answered them.",
           (), _single(lambda view: view.traffic.table_misses)),
    Family("rrdns_host_leads_total", "counter", "Answers of a host that an address led.",
           ("host", "address"), _leads),
    Family("rrdns_rate_limited_total", "counter",
           "DNS replies that rate limiting dropped, or let slip truncated.", ("action",),
           lambda scrape: (((key,), n) for key, n in scrape.view.traffic.rate_limited.items())),
    Family("rrdns_tcp_connections", "gauge", "DNS connections over TCP that are open.",
           (), _single(lambda view: view.traffic.tcp_connections)),
    Family("rrdns_node_healthy", "gauge",
           "Whether an address counts as healthy: an override, else what the probes say.",
           TARGET, _node_healthy),
    Family("rrdns_node_in_rotation", "gauge", "Whether some host answers with an address.",
           TARGET, _node_in_rotation),
    Family("rrdns_node_override", "gauge", "1 while an operator's override holds.",
           (*TARGET, "state"), _node_override),
    Family("rrdns_host_failopen", "gauge",
           "1 while a host answers with all addresses because too few are healthy.",
           ("host", "family"), _host_failopen),
    Family("rrdns_host_degraded", "gauge", "1 while none of a host's own addresses is healthy.",
           ("host", "family"), _host_degraded),
    Family("rrdns_probe_success", "gauge", "Whether the last probe succeeded.",
           TARGET, _probe_success),
    Family("rrdns_probe_duration_seconds", "gauge", "Duration of the last probe's phases.",
           (*TARGET, "phase"), _probe_duration),
    Family("rrdns_probe_failures_total", "counter", "Probes that failed, by reason.",
           (*TARGET, "reason"), _probe_failures),
    Family("rrdns_probe_age_seconds", "gauge",
           "Time since the last probe ended, before one since the address is probed.",
           TARGET, _probe_age),
    Family("rrdns_probe_ssl_earliest_cert_expiry", "gauge",
           "When the first certificate of the last probe's chain expires, in unix seconds.",
           TARGET, _cert_expiry),
    Family("rrdns_probe_ssl_cert_info", "info",
           "The TLS version of the last probe, and the first names of the certificate.",
           (*TARGET, "version", "names"), _cert_info),
    Family("rrdns_probes_void_total", "counter",
           "Probes that gave no verdict because the server itself was late.",
           (), _single(lambda view: view.probes_void)),
    Family("rrdns_domains", "gauge", "Filtered domains.",
           (), _single(lambda view: len(view.config.domains))),
    Family("rrdns_table_generation", "gauge", "Number of the table that answers.",
           (), _single(lambda view: view.generation)),
    Family("rrdns_table_publish_seconds", "gauge", "Duration of the last publish.",
           (), _single(lambda view: view.publish_seconds)),
    Family("rrdns_config_last_reload_successful", "gauge",
           "Whether the last attempt to load the configuration succeeded.",
           (), _single(lambda view: view.reload.last_successful)),
    Family("rrdns_config_last_reload_success_timestamp_seconds", "gauge",
           "When a configuration was last loaded without an error, in unix seconds.",
           (), _single(lambda view: view.reload.last_success_at)),
    Family("rrdns_config_info", "info", "The configuration in force.",
           ("sha256",), _config_info),
)  # fmt: skip


# --- exposition -------------------------------------------------------------------------------


class _Given(Collector):
    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        return [self._metric]


class Exposition:
    """The metrics page: our families and those of this process, in any format asked for."""

    def __init__(self) -> None:
        self._process = ProcessCollector(registry=CollectorRegistry())

    def render(self, view: View, accept: str) -> tuple[str, Iterator[bytes]]:
        """Return the content type for an Accept header and the page in slices.

        Each slice is about SLICE_SAMPLES samples and is made when it is asked for.
        """
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # a version that is no number
            encode, content_type = choose_encoder("")
        return content_type, self._slices(view, encode)

    def _slices(self, view: View, encode: Callable[[Collector], bytes]) -> Iterator[bytes]:
        scrape = Scrape(view, uses(view.config), in_rotation(view))
        ends_in_eof = False
        for metric, first in self._metrics(scrape):
            text = encode(_Given(metric))
            ends_in_eof = text.endswith(_EOF)
            text = text.removesuffix(_EOF)
            yield text if first else _without_header(text)
        if ends_in_eof:
            yield _EOF

    def _metrics(self, scrape: Scrape) -> Iterator[tuple[Metric, bool]]:
        for family in FAMILIES:
            rows = iter(family.rows(scrape))
            yield family.metric(islice(rows, SLICE_SAMPLES)), True
            while more := list(islice(rows, SLICE_SAMPLES)):
                yield family.metric(more), False
        for metric in self._process.collect():
            yield metric, True


def _without_header(text: bytes) -> bytes:
    """Drop HELP and TYPE, which stand once before all samples of a family."""
    return b"".join(
        line + b"\n" for line in text.split(b"\n") if line and not line.startswith(b"#")
    )
