"""A tally of like events: thousands of targets may meet the same trouble within a second."""

from collections.abc import Iterator


class Tally:
    """Counts events by what they have in common, and keeps one of each as the example."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._examples: dict[str, str] = {}

    def add(self, event: str, example: str) -> None:
        """Count one more; the first one's example stays."""
        self._counts[event] = self._counts.get(event, 0) + 1
        self._examples.setdefault(event, example)

    def take(self) -> Iterator[tuple[str, int, str]]:
        """Yield each event with its number and its example, and begin anew."""
        counts, examples = self._counts, self._examples
        self._counts, self._examples = {}, {}
        for event, count in counts.items():
            yield event, count, examples[event]
