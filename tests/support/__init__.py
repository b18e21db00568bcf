"""What the tests share: programs, ports, waiting, network namespaces, servers to talk to."""
