"""NSD: static records, rotated; a TCP connection may ask for ever."""

from bench.servers.world import Job, Server, installed, write_zones


def write(program: str, job: Job) -> list[str]:
    """Set up NSD with one server process a worker."""
    write_zones(job)
    directory = job.directory
    zones = "".join(f"zone:\n    name: {name}\n    zonefile: domain.zone\n" for name in job.domains)
    (directory / "nsd.conf").write_text(f"""\
server:
    ip-address: 127.0.0.1@{job.port}
    server-count: {job.workers}
    reuseport: {"yes" if job.workers > 1 else "no"}
    username: ""
    chroot: ""
    database: ""
    zonesdir: "{directory}"
    pidfile: "{directory}/nsd.pid"
    zonelistfile: "{directory}/zone.list"
    xfrdfile: "{directory}/xfrd.state"
    xfrdir: "{directory}"
    logfile: "/dev/null"
    verbosity: 0
    tcp-query-count: 0
    tcp-count: 250
    round-robin: yes
    minimal-responses: yes
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: example.com
    zonefile: example.com.zone
{zones}""")
    return [program, "-d", "-c", str(directory / "nsd.conf")]


NSD = Server("nsd", installed("nsd"), write)
