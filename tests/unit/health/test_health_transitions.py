"""The transition table in the documentation is the one of the code."""

from support.transitions import PAGE, page, table


def test_the_page_has_the_table_of_the_code() -> None:
    text = PAGE.read_text()
    assert text == page(text), "run `make docs`"


def test_the_table_has_every_state() -> None:
    names = [line.split("**")[1] for line in table().splitlines()[2:]]
    assert sorted(names) == [
        "down",
        "down, 1 success",
        "down, 2 successes",
        "new by a reload",
        "new by a reload, 1 failure",
        "unknown",
        "unknown, 1 failure",
        "up",
        "up, 1 failure",
    ]


def test_a_row_tells_what_follows() -> None:
    rows = {line.split("**")[1]: line for line in table().splitlines()[2:]}
    assert rows["up, 1 failure"] == (
        "| **up, 1 failure** | healthy | 0.5 s | up | down |  | unknown |"
    )
    assert rows["down, 2 successes"] == (
        "| **down, 2 successes** | down | 0.5 s | up | down |  | unknown |"
    )
