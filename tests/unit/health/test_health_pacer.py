"""The pacer: bounds, order, and one connection at a time."""

import asyncio
import itertools
from collections import Counter
from dataclasses import replace

from support.scheduler_stage import SETTINGS, Stage, now, run, target

from rrdns.health.pacer import Pacer, Run
from rrdns.targets import Check, Health, TargetKey


def test_a_new_bound_holds_for_what_is_under_way_too() -> None:
    async def main() -> None:
        many = [target(f"192.0.2.{number}") for number in range(1, 201)]
        async with Stage(*many, concurrency=40) as stage:
            stage.peers.modes = {one.address: "silent" for one in many}
            for bound in (10, 60, 5, 5, 20):
                before = stage.peers.under_way
                stage.scheduler.set_concurrency(bound)
                # What is over the bound ends; nothing starts before.
                while stage.peers.under_way > bound:
                    assert stage.peers.under_way <= before
                    before = stage.peers.under_way
                    await asyncio.sleep(0.01)
                stage.peers.most_under_way = 0
                await asyncio.sleep(10)
                assert stage.peers.most_under_way == bound

    run(main())


def test_a_reload_keeps_the_bound_while_old_probes_close() -> None:
    async def main() -> None:
        old = [target(f"192.0.2.{number}") for number in range(1, 51)]
        new = [target(f"198.51.100.{number}") for number in range(1, 51)]
        async with Stage(*old, concurrency=10) as stage:
            stage.peers.modes = {one.address: "silent" for one in [*old, *new]}
            stage.peers.closing_seconds = 0.5
            await asyncio.sleep(5)
            for targets in (new, old, new):
                stage.set(targets, reload=True)
                await asyncio.sleep(3)
            assert stage.peers.most_under_way == 10

    run(main())


def test_new_settings_never_make_a_second_connection() -> None:
    async def main() -> None:
        async with Stage() as stage:
            stage.peers.modes[target().address] = "silent"
            stage.peers.closing_seconds = 0.2
            await asyncio.sleep(0.5)
            for helo in "abc":
                stage.set([target(settings=replace(SETTINGS, helo=helo))], reload=True)
                await asyncio.sleep(0.5)
                assert helo in stage.peers.helos
            stage.set([])
            stage.set([target()])
            await asyncio.sleep(1)
            assert stage.peers.most_under_way == 1

    run(main())


def test_confirming_goes_before_routine() -> None:
    """With every probe slow, those that confirm a change are not behind all the others."""

    async def main() -> None:
        many = [target(f"192.0.2.{number}") for number in range(1, 101)]
        async with Stage(*many, concurrency=20) as stage:
            await asyncio.sleep(20)
            stage.peers.modes = {one.address: "silent" for one in many}
            down = [await stage.until_down(count) - 20 for count in range(20, 101, 20)]
            # 100 probes of 2 s, 20 at once: a first look at all takes 10 s, a second as long. But
            # the first ones are out long before all are looked at.
            assert down[0] < 8
            assert 18 < down[-1] < 25
            assert all(after - before < 6 for before, after in itertools.pairwise(down))

    run(main())


def test_nobody_starves_while_others_flap() -> None:
    async def main() -> None:
        many = [target(f"192.0.2.{number}") for number in range(1, 41)]
        flapping = {one.address for one in many[:20]}
        async with Stage(*many, concurrency=2) as stage:
            turns: Counter[str] = Counter()

            async def answer(probed: object) -> object:
                address = probed.address  # type: ignore[attr-defined]
                turns[address] += 1
                stage.peers.modes[address] = (
                    "refused" if address in flapping and turns[address] % 2 else "ok"
                )
                await asyncio.sleep(0.5)
                stage.peers.answer = None
                try:
                    return await stage.peers._result(probed)  # type: ignore[arg-type]
                finally:
                    stage.peers.answer = answer  # type: ignore[assignment]

            stage.peers.answer = answer  # type: ignore[assignment]
            await asyncio.sleep(300)
            steady = [turns[one.address] for one in many if one.address not in flapping]
            flaps = [turns[one.address] for one in many if one.address in flapping]
            assert min(steady) > 10
            assert max(flaps) <= 3 * min(steady)

    run(main())


def test_starts_spread_over_the_interval() -> None:
    """However the starts are bunched at first: jitter goes where there is room."""

    async def main() -> None:
        settings = replace(SETTINGS, interval_seconds=5.0)
        many = [target(f"10.0.{number // 250}.{number % 250}", settings) for number in range(500)]
        async with Stage(*many) as stage:
            await asyncio.sleep(150)
            stage.peers.starts.clear()
            begun = now()
            await asyncio.sleep(10)
            a_half = Counter(int((at - begun) * 2) for at, _ in stage.peers.starts)
            mean = sum(a_half.values()) / 20
            # They began within one of the five seconds. By chance alone it would be 2.5 by now.
            assert max(a_half.values()) < 1.8 * mean
            assert min(a_half.values()) > 0.4 * mean

    run(main())


def test_closing_waits_for_what_is_under_way() -> None:
    async def main() -> None:
        closed = []

        async def work(begun: Run) -> None:
            try:
                await asyncio.sleep(10)
            finally:
                await asyncio.sleep(0.1)
                closed.append(begun.key)

        def on_end(_: Run, error: BaseException | None) -> None:
            raise AssertionError(error)

        pacer = Pacer(work, on_end, concurrency=5, clock=asyncio.get_running_loop().time)
        keys = [TargetKey(f"192.0.2.{number}", 25, Check.EHLO) for number in range(10)]
        for key in keys:
            pacer.plan(key, 1.0)
        await asyncio.sleep(2)
        assert len(list(pacer.running)) == 5
        await pacer.close()
        assert sorted(closed) == keys[:5]
        await asyncio.sleep(100)
        assert len(closed) == 5
        await pacer.close()

    run(main())


def test_thousands_of_targets() -> None:
    async def main() -> None:
        many = [target(f"10.0.{number // 250}.{number % 250}") for number in range(3000)]
        async with Stage(*many) as stage:
            await stage.scheduler.first_round()
            assert set(stage.scheduler.healths().values()) == {Health.UP}
            stage.peers.modes = {one.address: "refused" for one in many}
            await asyncio.sleep(4)
            assert set(stage.scheduler.healths().values()) == {Health.DOWN}
            assert len(stage.scheduler.failures) == len(many)
            stage.set(many[:100], reload=True)
            assert len(stage.scheduler.failures) == 100
            assert len(stage.scheduler.states) == 100

    run(main())
