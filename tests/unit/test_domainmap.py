"""The domain map: a dict of names and profiles to whoever looks, in a few octets each."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.dns_worlds import contents
from support.domain_loops import KINDS, use_loops

from rrdns import domainmap
from rrdns.domainmap import DomainMap, DomainMapBuilder, differences
from rrdns.model import Profile
from rrdns.names import Name, from_text, suffix_offsets

PROFILES = tuple(Profile(name, contents("", "test.")) for name in ("default", "parked", "third"))
ONE, TWO, THREE = (from_text(f"{name}.test.") for name in ("one", "two", "three"))

# Labels that are the beginning of one another, and octets that look like lengths.
_labels = st.lists(
    st.sampled_from((b"\1a", b"\2aa", b"\3\1a\1", b"\1\1", b"\2\n\xff", b"\x0a" + b"\n" * 10)),
    max_size=4,
)
_names: st.SearchStrategy[Name] = _labels.map(lambda parts: b"".join(parts) + b"\0")


@pytest.fixture(params=KINDS, autouse=True, scope="module")
def loops(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test is for the loops in Python and for the compiled ones."""
    with pytest.MonkeyPatch.context() as patch:
        use_loops(request.param, patch)
        yield


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(_names, max_size=12), st.sampled_from(PROFILES)),
        max_size=6,
    ),
    st.integers(0, 64),
    st.lists(_names),
)
def test_it_is_the_dict_that_keeps_the_first_profile_of_each_name(
    lists: list[tuple[list[Name], Profile]], expected: int, others: list[Name]
) -> None:
    builder = DomainMapBuilder(expected)
    model: dict[Name, Profile] = {}
    for names, profile in lists:
        known = []
        for index, name in enumerate(names):
            if name in model:
                known.append(index)
            model.setdefault(name, profile)
        assert builder.add(names, profile) == known
        assert dict(builder.so_far) == model
    made = builder.build()
    assert made == model
    assert list(made) == list(model)
    assert list(made.values()) == list(model.values())
    assert len(made) == len(model)
    for name in (*others, *model):
        assert made.get(name) is model.get(name)
        assert (name in made) == (name in model)
    above = set(made.parents(others))
    parents = {name[1 + name[0] :] for name in model} - {b""}
    apexes = {*model, *others}
    assert above <= parents
    assert above >= {name for name in parents - apexes if _above(name) & apexes}
    assert DomainMap.of(model) == model


def test_what_is_not_there_is_none_the_default_or_an_error() -> None:
    domains = DomainMap.of({ONE: PROFILES[0]})
    assert domains.get(TWO) is None
    assert domains.get(TWO, PROFILES[1]) is PROFILES[1]
    assert domains.get(ONE, None) is PROFILES[0]
    assert domains[ONE] is PROFILES[0]
    others: list[object] = ["one.test.", None]
    assert all(other not in domains for other in others)
    with pytest.raises(KeyError):
        domains[TWO]


def test_a_map_of_a_map_is_itself() -> None:
    domains = DomainMap.of({ONE: PROFILES[0]})
    assert DomainMap.of(domains) is domains
    assert domains.profiles == (PROFILES[0],)


def test_the_buffers_are_laid_out_as_the_module_says() -> None:
    builder = DomainMapBuilder()
    assert builder.add([ONE, TWO], PROFILES[1]) == []
    assert builder.add([TWO, THREE], PROFILES[0]) == [0]
    made = builder.build()
    records = b"\0\0" + ONE, b"\0\0" + TWO, b"\0\1" + THREE
    assert made.profiles == (PROFILES[1], PROFILES[0])
    assert bytes(made.blob) == b"".join(records)
    size = len(made.slots)
    assert made.slots.typecode == "Q"
    assert size & (size - 1) == 0
    starts = [0, len(records[0]), len(records[0] + records[1])]
    words = {
        (hash(name) % 2**64 >> 32 << 32) + start + 1: hash(name) % size
        for name, start in zip((ONE, TWO, THREE), starts, strict=True)
    }
    assert {word for word in made.slots if word} == set(words)
    for word, first in words.items():
        place = made.slots.index(word)
        assert all(made.slots[(first + step) % size] for step in range((place - first) % size))


@pytest.mark.parametrize("count", [0, 1, 5, 6, 1000, 1365, 1366, 20_000])
@pytest.mark.parametrize("hint", [0, 1, 100])
def test_it_is_small_and_never_full_whatever_was_expected(count: int, hint: int) -> None:
    names = [b"\x09%09d\x04test\0" % number for number in range(count)]
    builder = DomainMapBuilder(hint * count)
    for start in range(0, count, 777):
        assert builder.add(names[start : start + 777], PROFILES[0]) == []
    made = builder.build()
    assert 2 * len(made.slots) > 3 * count
    beyond = sum(map(sys.getsizeof, (made, made.blob, made.slots))) - sum(map(len, names))
    assert beyond <= 64 * count + 1000
    assert list(made) == names
    assert all(made.get(name) is PROFILES[0] for name in names)


def test_a_name_whose_hash_ends_like_another_ones_is_told_from_it() -> None:
    builder = DomainMapBuilder()
    builder.add([ONE], PROFILES[0])
    slots = builder.so_far.slots
    # As if the upper half of TWO's hash were that of ONE's, in the place where TWO is looked for.
    slots[hash(TWO) % len(slots)] = (hash(TWO) % 2**64 >> 32 << 32) + 1
    assert builder.so_far.get(TWO) is None
    assert builder.add([TWO], PROFILES[1]) == []
    assert builder.build().get(TWO) is PROFILES[1]


def test_every_length_of_name_is_found() -> None:
    names = [
        b"".join(b"\1" + bytes([97 + bit]) for bit in range(labels)) + b"\0"
        for labels in range(1, 20)
    ]
    names.append(b"\x3f" + b"y" * 63 + b"\x3f" + b"z" * 63 + b"\x3f" + b"x" * 63 + b"\0")
    domains = DomainMap.of(dict.fromkeys(names, PROFILES[2]))
    assert list(domains) == names
    assert all(domains.get(name) is PROFILES[2] for name in names)


def test_a_builder_says_what_it_cannot_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domainmap, "MAX_PROFILES", 2)
    builder = DomainMapBuilder()
    builder.add([ONE], PROFILES[0])
    builder.add([TWO], PROFILES[1])
    builder.add([], PROFILES[2])
    with pytest.raises(ValueError, match="more than 2 profiles have domains"):
        builder.add([THREE], PROFILES[2])
    with pytest.raises(ValueError, match="first zero octet"):
        builder.add([b"\2a\0\0"], PROFILES[0])
    monkeypatch.setattr(domainmap, "MAX_BLOB_OCTETS", 30)
    with pytest.raises(ValueError, match="more than 30 octets of domains"):
        builder.add([THREE], PROFILES[0])


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(_names, st.sampled_from(PROFILES)),
    st.dictionaries(_names, st.sampled_from(PROFILES)),
)
def test_the_differences_between_two_maps(
    first: dict[Name, Profile], second: dict[Name, Profile]
) -> None:
    # After a reload all profiles are new objects.
    again = {profile.name: Profile(profile.name, profile.contents) for profile in PROFILES}
    second = {name: again[profile.name] for name, profile in second.items()}
    old, new = DomainMap.of(first), DomainMap.of(second)
    assert list(differences(old, new)) == [
        *((name, first.get(name), profile)
          for name, profile in second.items() if first.get(name) != profile),
        *((name, profile, None) for name, profile in first.items() if name not in second),
    ]  # fmt: skip
    assert list(differences(new, new)) == []


def _above(name: Name) -> set[Name]:
    return {name[offset:] for offset in suffix_offsets(name)} - {name}


def test_the_names_above_many_domains_are_told_a_few_times_each() -> None:
    above = [from_text(f"example{number}.test.") for number in range(40)]
    names = [b"\x05%05d" % number + above[number % 40] for number in range(20_000)]
    told = list(DomainMap.of(dict.fromkeys(names, PROFILES[0])).parents({from_text("test.")}))
    assert set(told) == set(above)
    assert len(told) < 1000
