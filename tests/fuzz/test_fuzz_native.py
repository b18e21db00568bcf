"""A few seconds of `make fuzz-native`, the same inputs every time as far as the time allows."""

from fuzz.native import build, run


def test_sanitizers_find_nothing() -> None:
    directory = build()
    built = next((directory / "rrdns" / "table").glob("_native*.so")).read_bytes()
    # Without these the run would show nothing.
    assert b"__asan_report_store1" in built
    assert b"__ubsan_handle" in built
    done = run(directory, seconds=4, seed=1)
    assert done.returncode == 0, done.stderr[-4000:]
    inputs, hits = (int(part.split()[0]) for part in done.stdout.split(", ")[:2])
    assert inputs > hits > inputs // 10 > 10
