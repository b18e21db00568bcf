"""Knot DNS: static records, rotated."""

from bench.servers.world import Job, Server, installed, write_zones


def write(program: str, job: Job) -> list[str]:
    """Set up Knot DNS with one worker for TCP."""
    write_zones(job)
    directory = job.directory
    domains = "".join(f"  - domain: {name}\n" for name in job.domains)
    (directory / "knot.conf").write_text(f"""\
server:
    listen: 127.0.0.1@{job.port}
    rundir: "{directory}"
    udp-workers: {job.workers}
    tcp-workers: 1
    background-workers: 1
    tcp-max-clients: 250
    answer-rotation: on
log:
  - target: stderr
    any: critical
database:
    storage: "{directory}"
template:
  - id: default
    storage: "{directory}"
    file: "domain.zone"
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: example.com
    file: "example.com.zone"
{domains}""")
    return [program, "-c", str(directory / "knot.conf")]


KNOT = Server("knot", installed("knotd"), write)
