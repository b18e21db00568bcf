"""rrdns: an authoritative DNS server for mail-filter clusters."""

__version__ = "0.1.0"
