"""The answer to a name and type as a running server gives it now, and why, as JSON."""

from dataclasses import replace
from typing import Any

from rrdns.config.hostnames import absolute
from rrdns.dns.explain import AddressReason, explain
from rrdns.rrtypes import type_number
from rrdns.web.status import node_entry
from rrdns.web.view import Use, View
from rrdns.web.words import age_text, result_text


def explanation(view: View, name: str | None, rrtype: str | None) -> dict[str, Any]:
    """Return the explanation of a name and a type in text; ValueError where one is no such thing.

    `text` is the same for people, a line each.
    """
    if not name or not rrtype:
        raise ValueError("name and type are needed: /api/v1/explain?name=mx1.example.com&type=A")
    found = explain(view.snapshot, absolute(name), type_number(rrtype))
    if found.host is None:
        return {**found.as_dict(), "text": found.lines()}
    addresses = found.host.addresses
    known = _entries(view, {(one.node, one.role, one.address) for one in addresses})
    entries = [known.get((one.node, one.role, one.address)) for one in addresses]
    document = found.as_dict()
    for shown, entry in zip(document["host"]["addresses"], entries, strict=True):
        if entry is not None:
            shown |= {key: entry[key] for key in ("state", "since", "probed", "override", "last")}
    told = tuple(
        reason if entry is None else _with_probe(reason, entry, view.unix_now)
        for reason, entry in zip(addresses, entries, strict=True)
    )
    found = replace(found, host=replace(found.host, addresses=told))
    return {**document, "text": found.lines()}


def _entries(
    view: View, wanted: set[tuple[str, str, str]]
) -> dict[tuple[str, str, str], dict[str, Any]]:
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for host in view.config.hosts():
        for member in host.members:
            place = (member.node, member.role, member.target.address)
            if place in wanted and place not in found:
                found[place] = node_entry(view, Use(*place[:2], member.target))
    return found


def _with_probe(reason: AddressReason, node: dict[str, Any], unix_now: float) -> AddressReason:
    words = []
    if override := node["override"]:
        words.append(f"set {age_text(unix_now - override['since'])} ago")
        if override["until"] is not None:
            words.append(f"for another {age_text(override['until'] - unix_now)}")
    probed = node["probed"]
    words.append(f"probes say {probed['state']} for {age_text(unix_now - probed['since'])}")
    if last := node["last"]:
        words.append(f"the last one {age_text(unix_now - last['at'])} ago: {result_text(last)}")
    return replace(reason, why=f"{reason.why}; {', '.join(words)}")
