"""`server.watch`: a change of a file is a reload."""

from pathlib import Path

from support.asking import Dig
from support.serving import configuration, serving
from support.waiting import wait_until

DEADLINE_SECONDS = 20


def test_changes_are_taken_over_and_bad_ones_refused(tmp_path: Path, port: int) -> None:
    path, domains = tmp_path / "rrdns.yaml", tmp_path / "domains.txt"
    text = configuration(
        listen=[f"127.0.0.1:{port}"], nodes={"server1": "127.0.27.1"}, directory=tmp_path
    )
    text = text.replace("server:\n", "server:\n  watch: true\n", 1)
    path.write_text(text + "  - {profile: default, file: domains.txt}\n")
    domains.write_text("one.test\n")
    dig = Dig("127.0.0.1", port)

    def answered(domain: str) -> bool:
        return bool(dig.addresses(domain, "MX"))

    with serving(path) as server:
        assert answered("one.test")
        assert not answered("two.test")
        # In place, in two pieces.
        with domains.open("a") as file:
            file.write("two.t")
            file.flush()
            file.write("est\n")
        wait_until(lambda: answered("two.test"), DEADLINE_SECONDS, "the second domain")
        # By a new file in the old one's place.
        fresh = tmp_path / ".domains.new"
        fresh.write_text("three.test\n")
        fresh.replace(domains)
        wait_until(lambda: answered("three.test"), DEADLINE_SECONDS, "the third domain")
        assert not answered("one.test")
        # A broken one changes nothing, and is told once.
        domains.write_text("four.test\nnot a domain\n")
        server.wait_for_output("event=reload_refused")
        assert f"{domains}:2:1:" in server.output
        assert answered("three.test")
        domains.write_text("four.test\n")
        wait_until(lambda: answered("four.test"), DEADLINE_SECONDS, "the fourth domain")
        # The configuration itself: it can end the watching, too.
        path.write_text(path.read_text().replace("watch: true", "watch: false") + "# changed\n")
        wait_until(lambda: server.output.count("reloaded sha256") == 4, DEADLINE_SECONDS, "reload")
