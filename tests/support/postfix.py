"""A real Postfix of the test's own: postscreen with all its tests on, and smtpd without it."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from support.ports import free_port
from support.processes import Background
from support.programs import missing, require_namespaces, require_program
from support.waiting import wait_until

HOST = "mx1.example.com"
RECIPIENT = "postmaster@customer.test"
MAIN = f"""\
compatibility_level = 3.6
queue_directory = {{root}}/spool
data_directory = {{root}}/data
command_directory = /usr/sbin
daemon_directory = {{daemons}}
mail_owner = postfix
setgid_group = postdrop
myhostname = {HOST}
mydestination = customer.test
inet_interfaces = 127.0.0.1, ::1
mynetworks = 192.0.2.0/24
alias_maps =
alias_database =
local_recipient_maps =
local_transport = discard
smtpd_relay_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
maillog_file = /dev/stdout
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_tls_chain_files = {{root}}/chain.pem
postscreen_access_list =
postscreen_greet_wait = 1s
postscreen_greet_banner = $myhostname waits to see who speaks first
postscreen_greet_action = enforce
postscreen_pipelining_enable = yes
postscreen_pipelining_action = enforce
postscreen_non_smtp_command_enable = yes
postscreen_non_smtp_command_action = enforce
postscreen_bare_newline_enable = yes
postscreen_bare_newline_action = enforce
"""
MASTER = """\
postlog unix-dgram n - n - 1 postlogd
127.0.0.1:{screened} inet n - n - 1 postscreen
smtpd pass - - n - - smtpd
127.0.0.1:{plain} inet n - n - - smtpd
[::1]:{plain6} inet n - n - - smtpd
tlsproxy unix - - n - 0 tlsproxy
tlsmgr unix - - n 1000? 1 tlsmgr
cleanup unix n - n - 0 cleanup
rewrite unix - - n - - trivial-rewrite
anvil unix - - n - 1 anvil
discard unix - - n - - discard
"""


@dataclass(frozen=True)
class Postfix:
    """A running Postfix: ports on loopback (`plain6` on ::1), and its log."""

    screened: int
    plain: int
    plain6: int
    program: Background

    @property
    def log(self) -> list[str]:
        """What it logged so far, without the times."""
        return [line.partition(" postfix/")[2] for line in self.program.output.splitlines()]

    def wait_for(self, count: int, what: str) -> None:
        """Wait until so many lines of the log have this."""
        wait_until(
            lambda: sum(what in line for line in self.log) >= count,
            20,
            f"{count} times {what!r} in {self.program.output_path}",
        )


@contextmanager
def postfix(certificate: trustme.LeafCert) -> Iterator[Postfix]:
    """Run Postfix while the block runs; it needs root, and a Debian's users for mail."""
    command = require_program("postfix")
    if os.geteuid() != 0:
        missing("Postfix is started by root")
    require_namespaces()
    config = ["postconf", "-d", "-h", "daemon_directory"]
    daemons = subprocess.run(config, capture_output=True, text=True, check=True).stdout.strip()
    # Not below pytest's own directory: Postfix's daemons are another user, who may not go there.
    with tempfile.TemporaryDirectory(prefix="rrdns-postfix-") as directory:
        root = Path(directory)
        root.chmod(0o755)
        for name in ("config", "spool", "data"):
            (root / name).mkdir()
        subprocess.run(["chown", "postfix", root / "data"], check=True)
        certificate.private_key_and_cert_chain_pem.write_to_path(str(root / "chain.pem"))
        ports = {"screened": free_port(), "plain": free_port(), "plain6": free_port("::1")}
        (root / "config/main.cf").write_text(MAIN.format(root=root, daemons=daemons))
        (root / "config/master.cf").write_text(MASTER.format(**ports))
        check = [command, "-c", str(root / "config"), "check"]
        subprocess.run(check, capture_output=True, check=True, timeout=60)
        # The first process of a namespace takes all others with it when it ends.
        namespace = ["unshare", "--pid", "--fork", "--kill-child"]
        master = [f"{daemons}/master", "-i", "-c", str(root / "config")]
        program = Background([*namespace, *master], root / "log")
        try:
            program.wait_for_output("daemon started")
            yield Postfix(**ports, program=program)
        finally:
            program.kill()
