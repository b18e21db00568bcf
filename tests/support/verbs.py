"""What the command line is tried with: a configuration, an SMTP node, the type of a runner."""

import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

from click.testing import Result

CONFIGURATION = """\
server:
  listen: ["127.0.0.1:5399"]
  http: null
  control: control.sock
  state_directory: null
nodes:
  server1: {primary: 192.0.2.11, secondary: 192.0.2.12}
  server2: {primary: 192.0.2.21, secondary: 192.0.2.22}
zones:
  example.com:
    nameservers: {ns1: 198.51.100.53, ns2: 203.0.113.53}
    hosts:
      mx1: {role: primary}
      mx2: {role: secondary}
profiles:
  default:
    nameservers: [ns1.example.com., ns2.example.com.]
    mx: ["20 mx2.example.com.", "10 mx1.example.com."]
  other:
    nameservers: [ns1.example.com., ns2.example.com.]
    mx: ["5 mx1.example.com.", "5 mx2.example.com."]
    ttl: 5m
domains:
  - {profile: default, names: [customer.test]}
  - {profile: other, names: [bücher.test]}
"""

NODE_ADDRESSES = ("127.0.3.1", "127.0.4.1")

Rrdns = Callable[..., Result]


class SmtpNode(NamedTuple):
    """A running node of the demo, and its port."""

    process: subprocess.Popen[str]
    port: int


def start_node(*arguments: str) -> subprocess.Popen[str]:
    """Start a node of the demo: NAME PORT ADDRESS..."""
    return subprocess.Popen(
        [sys.executable, "-m", "rrdns.demo.node", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
