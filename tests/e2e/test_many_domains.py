"""Reloads of many filtered domains: all or nothing, no query lost, no memory kept."""

import signal
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event, Thread

import pytest
from support.serving import serving
from support.tables import ask, rcode
from support.waiting import wait_until

from bench.cpu import resident_bytes

COUNT = 100_000
CHANGED = 1000
NOERROR, REFUSED = 0, 5


@pytest.fixture
def listed(path: Path) -> Path:
    """The list of domains of a configuration that names no others."""
    path.write_text(path.read_text().replace("names: [customer.test]", "file: domains.txt"))
    return path.parent / "domains.txt"


def _write(listed: Path, names: Sequence[str]) -> None:
    # Put in place whole, as an operator's script should.
    made = listed.with_suffix(".new")
    made.write_text("".join(f"{name}\n" for name in names))
    made.rename(listed)


class _Asker(Thread):
    """Asks for the same names over and over, one query at a time; notes what changed when."""

    def __init__(self, port: int, names: Sequence[str]) -> None:
        super().__init__()
        self.stopping = Event()
        self.rounds: list[tuple[int, ...]] = []
        self.lost = 0
        self._packets = [ask(f"{name}.", "MX") for name in names]
        self._port = port

    def run(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(10)
            asker.connect(("127.0.0.1", self._port))
            while not self.stopping.is_set():
                said = tuple(self._one(asker, packet) for packet in self._packets)
                if self.rounds[-1:] != [said]:
                    self.rounds.append(said)

    def _one(self, asker: socket.socket, packet: bytes) -> int:
        asker.send(packet)
        try:
            return rcode(asker.recv(4096))
        except TimeoutError:
            self.lost += 1
            return -1


@pytest.fixture
def asked(port: int) -> Iterator[list[_Asker]]:
    """Room for askers, who are stopped whatever happens."""
    askers: list[_Asker] = []
    yield askers
    for asker in askers:
        asker.stopping.set()
        asker.join()


@pytest.mark.parametrize("executor", ["auto", "python"])
def test_a_reload_with_1000_changes_answers_from_the_old_set_until_the_new_one_is_whole(
    path: Path, listed: Path, port: int, asked: list[_Asker], executor: str
) -> None:
    path.write_text(path.read_text().replace("server:\n", f"server:\n  executor: {executor}\n"))
    names = [f"customer{number}.test" for number in range(COUNT)]
    _write(listed, names)
    changed = range(0, COUNT, COUNT // CHANGED)
    places = (changed[0], changed[CHANGED // 2], changed[-1])
    gone = [names[place] for place in places]
    for place in changed:
        names[place] = f"new{place}.test"
    new = [names[place] for place in places]
    with serving(path) as server:
        asker = _Asker(port, [*gone, "customer1.test", *new])
        asked.append(asker)
        asker.start()
        wait_until(lambda: asker.rounds, 20, "the first answers")
        _write(listed, names)
        server.send(signal.SIGHUP)
        server.wait_for_output("reloaded sha256")
        after = (REFUSED, REFUSED, REFUSED, NOERROR, NOERROR, NOERROR, NOERROR)
        wait_until(lambda: asker.rounds[-1] == after, 20, "the new set")
        asker.stopping.set()
        asker.join()
    assert asker.lost == 0
    before = (NOERROR, NOERROR, NOERROR, NOERROR, REFUSED, REFUSED, REFUSED)
    assert asker.rounds[0] == before
    assert asker.rounds[-1] == after
    # Between them at most the one round in which it happened: first old answers, then new ones.
    assert len(asker.rounds) <= 3
    for said in asker.rounds[1:-1]:
        assert said in [before[:count] + after[count:] for count in range(len(before))]


def test_30_reloads_keep_no_memory(path: Path, listed: Path) -> None:
    names = [f"customer{number}.test" for number in range(COUNT // 4)]
    _write(listed, names)
    sizes = []
    with serving(path) as server:
        for turn in range(1, 31):
            names[turn * 7] = f"new{turn}.test"
            _write(listed, names)
            server.send(signal.SIGHUP)
            wait_until(
                lambda: server.output.count("reloaded sha256") == turn,  # noqa: B023
                20,
                f"reload {turn}",
                pause_seconds=0.01,
            )
            sizes.append(resident_bytes(server.pid))
    # A set is 1 MB and its file half of that: either would be seen 25 times over, if it stayed.
    assert max(sizes[5:]) - min(sizes[:5]) < 10_000_000, sizes
