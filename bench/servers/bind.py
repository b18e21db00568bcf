"""BIND: static records, rotated; no recursion."""

from bench.servers.world import Job, Server, installed, write_zones


def write(program: str, job: Job) -> list[str]:
    """Set up BIND with one thread a worker."""
    write_zones(job)
    directory = job.directory
    domains = "".join(
        f'zone "{name}" {{ type primary; file "{directory}/domain.zone"; }};\n'
        for name in job.domains
    )
    (directory / "named.conf").write_text(f"""\
options {{
  directory "{directory}";
  pid-file "{directory}/named.pid";
  session-keyfile "{directory}/session.key";
  listen-on port {job.port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
  empty-zones-enable no;
  notify no;
  querylog no;
  tcp-clients 250;
  minimal-responses yes;
  rrset-order {{ order cyclic; }};
}};
controls {{ }};
logging {{ category default {{ null; }}; }};
zone "example.com" {{ type primary; file "{directory}/example.com.zone"; }};
{domains}""")
    return [program, "-f", "-n", str(job.workers), "-c", str(directory / "named.conf")]


BIND = Server("bind", installed("named"), write)
