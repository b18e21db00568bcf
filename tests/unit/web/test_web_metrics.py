import re
import subprocess
from collections.abc import Callable
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from support.metrics_page import page, samples
from support.web_views import NO_TRAFFIC, cluster, host, make_view, member, state

from rrdns import __version__
from rrdns.targets import Check, ProbeResult, Reason, TargetKey, TlsSession, Verdict
from rrdns.web.metrics import FAMILIES, SLICE_SAMPLES, Exposition
from rrdns.web.view import View

# The design's paragraph, word by word.
DESIGN = (
    "`rrdns_build_info{version,executor}`, `rrdns_start_time_seconds`,"
    " `rrdns_dns_requests_total{proto,family,type}`, `rrdns_dns_responses_total{proto,rcode}`,"
    " `rrdns_dns_dropped_total{reason}`, `rrdns_dns_truncated_total`,"
    " `rrdns_dns_table_misses_total`, `rrdns_host_leads_total{host,address}`,"
    " `rrdns_rate_limited_total{action}`, `rrdns_tcp_connections`, `rrdns_node_healthy{target}`,"
    " `rrdns_node_in_rotation{target}`, `rrdns_node_override{target,state}`,"
    " `rrdns_host_failopen{host,family}`, `rrdns_host_degraded{host,family}`,"
    " `rrdns_probe_success{target}`, `rrdns_probe_duration_seconds{target,phase}`,"
    " `rrdns_probe_failures_total{target,reason}`, `rrdns_probe_age_seconds{target}`,"
    " `rrdns_probe_ssl_earliest_cert_expiry{target}`, `rrdns_probes_void_total`, `rrdns_domains`,"
    " `rrdns_table_generation`, `rrdns_table_publish_seconds`,"
    " `rrdns_config_last_reload_successful`,"
    " `rrdns_config_last_reload_success_timestamp_seconds`, `rrdns_config_info{sha256}`"
)
# Families that the design does not have.
ADDED = ("rrdns_probe_ssl_cert_info",)
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
SERVER1 = 'node="server1",port="25",role="primary"'


def test_the_families_are_the_designs_in_its_order() -> None:
    wanted = []
    for name, labels in re.findall(r"`(\w+)(?:{([^}]*)})?`", DESIGN):
        expanded = labels.replace("target", "node,role,address,port")
        wanted.append((name, tuple(expanded.split(",")) if labels else ()))
    families = [family for family in FAMILIES if family.name not in ADDED]
    assert len(families) == len(FAMILIES) - len(ADDED)
    assert [(family.name, family.labels) for family in families] == wanted


@pytest.mark.parametrize("view", [make_view(), cluster()], ids=["empty", "cluster"])
def test_every_family_has_help_and_type_once(view: View) -> None:
    lines = page(view).splitlines()
    for family in FAMILIES:
        kind = {"info": "gauge"}.get(family.kind, family.kind)
        assert lines.count(f"# HELP {family.name} {family.documentation}") == 1
        assert lines.count(f"# TYPE {family.name} {kind}") == 1


def test_names_follow_prometheus() -> None:
    for family in FAMILIES:
        assert re.fullmatch(r"rrdns_[a-z_]+", family.name)
        assert family.name.endswith("_total") == (family.kind == "counter")
        assert family.name.endswith("_info") == (family.kind == "info")
        assert family.documentation.endswith(".")
        assert not re.search(r"_(ms|milliseconds|minutes|kilobytes|percent)(_|$)", family.name)
        if re.search(r"\b[Dd]uration|^When|^Time", family.documentation):
            # The certificate's expiry has blackbox_exporter's name, which users know.
            assert family.name.endswith(("_seconds", "_ssl_earliest_cert_expiry"))


def test_single_values() -> None:
    view = cluster()
    assert samples(view, "rrdns_build_info") == {f'executor="python",version="{__version__}"': 1}
    assert samples(view, "rrdns_config_info") == {'sha256="0123abcd"': 1}
    assert samples(view, "rrdns_start_time_seconds") == {"": view.started_at}
    assert samples(view, "rrdns_dns_truncated_total") == {"": 3}
    assert samples(view, "rrdns_dns_table_misses_total") == {"": 2}
    assert samples(view, "rrdns_tcp_connections") == {"": 4}
    assert samples(view, "rrdns_probes_void_total") == {"": 6}
    assert samples(view, "rrdns_domains") == {"": 1}
    assert samples(view, "rrdns_table_generation") == {"": 7}
    assert samples(view, "rrdns_table_publish_seconds") == {"": 0.002}
    assert samples(view, "rrdns_config_last_reload_successful") == {"": 1}
    assert samples(view, "rrdns_config_last_reload_success_timestamp_seconds") == {
        "": view.reload.last_success_at
    }


def test_a_refused_reload_shows() -> None:
    view = replace(cluster(), reload=replace(cluster().reload, last_successful=False))
    assert samples(view, "rrdns_config_last_reload_successful") == {"": 0}


def test_traffic() -> None:
    view = cluster()
    traffic = replace(view.traffic, rate_limited={"drop": 7})
    view = replace(view, traffic=traffic)
    assert samples(view, "rrdns_dns_requests_total") == {'family="ipv4",proto="udp",type="MX"': 9}
    assert samples(view, "rrdns_dns_responses_total") == {'proto="udp",rcode="NOERROR"': 9}
    assert samples(view, "rrdns_dns_dropped_total") == {'reason="short"': 1}
    assert samples(view, "rrdns_rate_limited_total") == {'action="drop"': 7}


def test_leads_start_at_nought_for_every_address_that_is_answered() -> None:
    assert samples(cluster(), "rrdns_host_leads_total") == {
        'address="192.0.2.11",host="mx1.example.com."': 120,
        'address="192.0.2.21",host="mx1.example.com."': 80,
        'address="2001:db8::21",host="mx1.example.com."': 0,
        'address="192.0.2.11",host="mx2.example.com."': 0,
        'address="192.0.2.11",host="mx4.example.com."': 0,
        'address="203.0.113.10",host="mx4.example.com."': 0,
    }


def test_hosts() -> None:
    view = make_view(
        host("mx1.example.com.", member("server1", "primary", "192.0.2.11")), failopen=True
    )
    labels = 'family="ipv4",host="mx1.example.com."'
    assert samples(view, "rrdns_host_failopen") == {labels: 1}
    assert samples(view, "rrdns_host_degraded") == {labels: 0}


def test_probes() -> None:
    view = cluster()
    up = f'address="192.0.2.11",{SERVER1}'
    down = 'address="192.0.2.21",node="server2",port="25",role="primary"'
    assert samples(view, "rrdns_probe_success")[up] == 1
    assert samples(view, "rrdns_probe_success")[down] == 0
    assert samples(view, "rrdns_probe_age_seconds")[up] == 2
    durations = samples(view, "rrdns_probe_duration_seconds")
    assert (
        durations['address="192.0.2.21",node="server2",phase="banner",port="25",role="primary"']
        == 10
    )
    failures = samples(view, "rrdns_probe_failures_total")
    labels = 'address="192.0.2.21",node="server2",port="25",reason="{}",role="primary"'
    assert failures[labels.format("timeout")] == 5
    assert failures[labels.format("tls")] == 0
    assert labels.format("ok") not in failures


def test_certificates() -> None:
    names = tuple(f"mx{number}.test" for number in range(9))
    sessions = {
        "192.0.2.11": TlsSession("TLSv1.3", "x", names, 1_800_000_000.0),
        "192.0.2.12": TlsSession(None, None, (), None),
        "192.0.2.13": None,
    }
    view = make_view(
        host(
            "mx1.example.com.",
            *(member("server1", "primary", address, check=Check.STARTTLS) for address in sessions),
        ),
        states={
            TargetKey(address, 25, Check.STARTTLS): state(
                Verdict.UP, ProbeResult(Reason.OK, tls=session)
            )
            for address, session in sessions.items()
        },
    )
    assert samples(view, "rrdns_probe_ssl_earliest_cert_expiry") == {
        f'address="192.0.2.11",{SERVER1}': 1_800_000_000
    }
    told = "mx0.test, mx1.test, mx2.test, mx3.test, mx4.test"
    first, second = samples(view, "rrdns_probe_ssl_cert_info")
    assert first == (
        f'address="192.0.2.11",names="{told}",node="server1",port="25",role="primary"'
        ',version="TLSv1.3"'
    )
    assert second == f'address="192.0.2.12",names="",{SERVER1},version=""'


def test_a_target_that_was_not_probed_has_no_series_of_probes() -> None:
    key = TargetKey("192.0.2.11", 25, Check.EHLO)
    view = make_view(
        host("mx1.example.com.", member("server1", "primary", "192.0.2.11")),
        states={key: state(Verdict.UNKNOWN)},
    )
    for name in (
        "success",
        "duration_seconds",
        "ssl_earliest_cert_expiry",
        "ssl_cert_info",
    ):
        assert samples(view, f"rrdns_probe_{name}") == {}
    # But it ages: a check that never tells anything has to be seen.
    assert samples(view, "rrdns_probe_age_seconds") == {f'address="192.0.2.11",{SERVER1}': 60}


def test_a_target_that_is_never_probed_has_no_failures() -> None:
    mx1 = host("mx1.example.com.", member("server1", "primary", "192.0.2.11", check=Check.NONE))
    assert samples(make_view(mx1), "rrdns_probe_failures_total") == {}


def test_both_formats_say_the_same() -> None:
    view = cluster()

    def values(families: object) -> set[tuple[str, tuple[tuple[str, str], ...], float]]:
        return {
            (sample.name, tuple(sorted(sample.labels.items())), sample.value)
            for family in families  # type: ignore[attr-defined]
            if family.name.startswith("rrdns_")
            for sample in family.samples
        }

    text = values(parse_text(page(view)))
    openmetrics = parse_openmetrics(page(view, OPENMETRICS))  # type: ignore[no-untyped-call]
    assert text == values(openmetrics)
    assert len(text) > 60


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain;version=abc", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;version=x.y", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
def test_the_format_is_text_unless_another_is_asked_for(accept: str, content_type: str) -> None:
    assert Exposition().render(cluster(), accept)[0] == content_type


def test_openmetrics_is_given_when_asked_for() -> None:
    content_type, slices = Exposition().render(cluster(), OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    body = b"".join(slices)
    assert body.endswith(b"\n# EOF\n")
    assert body.count(b"# EOF") == 1


def test_this_process_is_measured() -> None:
    assert samples(cluster(), "process_open_fds")[""] > 0


def large_view(targets: int) -> View:
    members = [
        member(f"server{n}", "primary", f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")
        for n in range(targets)
    ]
    result = ProbeResult(
        Reason.OK, None, 250, "ready", dict.fromkeys(("connect", "banner", "ehlo", "quit"), 0.1)
    )
    return make_view(
        host("mx1.example.com.", *members),
        host("mx2.example.com.", *members),
        states={one.target.key: state(Verdict.UP, result) for one in members},
        traffic=NO_TRAFFIC,
    )


def test_large_families_come_in_slices_and_whole() -> None:
    view = large_view(SLICE_SAMPLES * 2)
    families = {family.name: family for family in parse_text(page(view))}
    assert len(families["rrdns_node_healthy"].samples) == SLICE_SAMPLES * 2
    assert len(families["rrdns_probe_failures"].samples) == SLICE_SAMPLES * 2 * 7
    assert page(view).count("# TYPE rrdns_probe_failures_total counter\n") == 1


def test_no_slice_is_large() -> None:
    _, slices = Exposition().render(large_view(2000), "")
    sizes = [sum(not line.startswith(b"#") for line in part.splitlines()) for part in slices]
    assert max(sizes) == SLICE_SAMPLES
    assert sum(sizes) > 10 * SLICE_SAMPLES


def test_promtool_finds_nothing_to_complain_of(require_program: Callable[[str], str]) -> None:
    promtool = require_program("promtool")
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=page(cluster()),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    complaints = [
        line
        for line in (done.stdout + done.stderr).splitlines()
        if line and not line.startswith("process_")
    ]
    assert complaints == []
    assert done.returncode == 0
