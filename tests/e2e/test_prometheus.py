"""A real Prometheus scrapes a server and answers questions about it."""

import json
import subprocess
import urllib.error
import urllib.parse
from pathlib import Path

from support.asking import Dig
from support.monitoring import EXPRESSIONS
from support.ports import free_port
from support.processes import background
from support.programs import require_program
from support.serving import configuration, fetch, nodes_at, serving
from support.waiting import wait_until


def test_prometheus_answers_about_leads_and_nodes(tmp_path: Path, port: int) -> None:
    prometheus = require_program("prometheus")
    http, asked, smtp = free_port(), free_port(), free_port("127.0.25.1")
    path = tmp_path / "rrdns.yaml"
    path.write_text(
        configuration(
            listen=[f"127.0.0.1:{port}"],
            nodes={"server1": "127.0.25.1", "server2": "127.0.25.2"},
            directory=tmp_path,
            http=f'"127.0.0.1:{http}"',
            health=f"port: {smtp}",
        )
    )
    (tmp_path / "prometheus.yml").write_text(f"""\
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs:
  - job_name: rrdns
    static_configs: [{{targets: ["127.0.0.1:{http}"]}}]
""")
    command = [
        prometheus,
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{asked}",
    ]

    def promql(question: str) -> dict[str, float]:
        """Ask Prometheus; the values by their `address` label."""
        query = urllib.parse.urlencode({"query": question})
        try:
            found = json.loads(fetch(f"http://127.0.0.1:{asked}/api/v1/query?{query}"))
        except (urllib.error.URLError, ConnectionError):
            return {}
        return {
            sample["metric"].get("address", ""): float(sample["value"][1])
            for sample in found["data"]["result"]
        }

    dig = Dig("127.0.0.1", port)
    # server2 has no SMTP server at all.
    with (
        nodes_at({"server1": [f"127.0.25.1:{smtp}"]}, tmp_path),
        serving(path),
        background(command, tmp_path / "prometheus.log"),
    ):
        for _ in range(7):
            assert dig.addresses("mx1.example.com") == {"127.0.25.1"}
        wait_until(
            lambda: promql('rrdns_host_leads_total{host=~"mx1.*"} > 0') == {"127.0.25.1": 7.0},
            20,
            "Prometheus knows who led",
        )
        assert promql("rrdns_node_in_rotation") == {"127.0.25.1": 1.0, "127.0.25.2": 0.0}
        assert promql('sum(rrdns_dns_requests_total{proto="udp", type="A"})') == {"": 7.0}
        assert promql('up{job="rrdns"}') == {"": 1.0}
        for title, expression in EXPRESSIONS:
            asked_now = expression.replace("$instance", ".*").replace("$__rate_interval", "1m")
            query = urllib.parse.urlencode({"query": asked_now})
            found = json.loads(fetch(f"http://127.0.0.1:{asked}/api/v1/query?{query}"))
            assert found["status"] == "success", title
        lint = subprocess.run(
            [require_program("promtool"), "check", "metrics"],
            input=fetch(f"http://127.0.0.1:{http}/metrics"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (lint.returncode, lint.stdout + lint.stderr) == (0, "")
