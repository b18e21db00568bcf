"""PowerDNS: the hosts are LUA records that look whether their addresses are up (ifportup)."""

from pathlib import Path

from bench.servers.world import DOMAIN, HOSTS, ZONE, Job, Server, installed


def ifportup(addresses: tuple[str, ...], port: int) -> str:
    """Return the LUA record's expression: all of the addresses that accept a connection."""
    listed = ", ".join(f"'{address}'" for address in addresses)
    return f"ifportup({port}, {{{listed}}}, {{selector='all', backupSelector='all'}})"


def write(program: str, job: Job) -> list[str]:
    """Set up PowerDNS with the BIND backend, one receiver a worker, its caches as they come."""
    directory = job.directory
    hosts = "".join(
        f'{host} 60 LUA A "{ifportup(addresses, job.accepting)}"\n'
        for host, addresses in HOSTS.items()
    )
    (directory / "example.com.zone").write_text(ZONE + hosts)
    (directory / "domain.zone").write_text(DOMAIN)
    named = [f'zone "example.com" {{ type master; file "{directory}/example.com.zone"; }};\n'] + [
        f'zone "{name}" {{ type master; file "{directory}/domain.zone"; }};\n'
        for name in job.domains
    ]
    (directory / "named.conf").write_text("".join(named))
    (directory / "pdns.conf").write_text(settings(directory, job.port, job.workers))
    return [program, f"--config-dir={directory}"]


def settings(directory: Path, port: int, workers: int, more: str = "") -> str:
    """Return the text of pdns.conf; `more` are further lines."""
    return f"""\
launch=bind
bind-config={directory}/named.conf
enable-lua-records=yes
local-address=127.0.0.1
local-port={port}
socket-dir={directory}
daemon=no
guardian=no
disable-syslog=yes
loglevel=3
receiver-threads={workers}
distributor-threads=1
reuseport={"yes" if workers > 1 else "no"}
{more}"""


POWERDNS = Server("powerdns", installed("pdns_server"), write)
