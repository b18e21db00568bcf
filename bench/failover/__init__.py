"""How long answers still name a node that failed: rrdns beside gdnsd and PowerDNS, in one run."""
