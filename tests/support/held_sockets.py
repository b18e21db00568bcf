"""systemd's part: `python held_sockets.py DESCRIPTOR... -- COMMAND` passes sockets to it."""

import fcntl
import os
import sys

FIRST = 3


def main(words: list[str]) -> None:
    """Move the descriptors to where sd_listen_fds(3) says, and become the command."""
    end = words.index("--")
    # To places that none of them has to go to.
    above = [fcntl.fcntl(int(word), fcntl.F_DUPFD, FIRST + end) for word in words[:end]]
    for place, descriptor in enumerate(above, start=FIRST):
        os.dup2(descriptor, place)
    os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(end)}
    os.execvp(words[end + 1], words[end + 1 :])


if __name__ == "__main__":
    main(sys.argv[1:])
