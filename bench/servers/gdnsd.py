"""gdnsd: its multifo plugin rotates the hosts; every domain has a zone file of its own."""

import os

from bench.servers.world import DOMAIN, HOSTS, ZONE, Job, Server, installed


def write(program: str, job: Job) -> list[str]:
    """Set up gdnsd with a thread for TCP; the domains' zone files are links to one."""
    directory = job.directory
    zones = directory / "zones"
    zones.mkdir()
    resources = "".join(
        f"    {host} => {{ service_types => up, "
        + ", ".join(f"s{number} => {address}" for number, address in enumerate(addresses, 1))
        + " }\n"
        for host, addresses in HOSTS.items()
    )
    (directory / "config").write_text(f"""\
options => {{
  listen => 127.0.0.1:{job.port}
  udp_threads => {job.workers}
  tcp_threads => 1
  tcp_clients_per_thread => 250
  run_dir => {directory}
  state_dir => {directory}
}}
plugins => {{
  multifo => {{
{resources}  }}
}}
""")
    hosts = "".join(f"{host} 60 DYNA multifo!{host}\n" for host in HOSTS)
    (zones / "example.com").write_text(ZONE + hosts)
    (directory / "domain.zone").write_text(DOMAIN)
    # A file may have 65,000 links on some file systems.
    shared = directory / "domain.zone"
    for number, name in enumerate(job.domains):
        if number and number % 30_000 == 0:
            shared = directory / f"domain.{number}.zone"
            shared.write_text(DOMAIN)
        os.link(shared, zones / name)
    return [program, "-c", str(directory), "start"]


GDNSD = Server("gdnsd", installed("gdnsd"), write)
