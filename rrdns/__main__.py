"""`python -m rrdns` is the command `rrdns`."""

from rrdns.cli import main

if __name__ == "__main__":
    main()
