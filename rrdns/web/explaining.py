"""The answer to a name and type as a running server gives it now, and why, as JSON."""

from dataclasses import replace
from typing import Any

from rrdns.config.hostnames import absolute
from rrdns.dns.explain import AddressReason, explain
from rrdns.rrtypes import type_number
from rrdns.settings import Config
from rrdns.targets import Check
from rrdns.web.status import node_entry
from rrdns.web.view import Use, View
from rrdns.web.words import age_text, left_text, result_text


def explanation(view: View, name: str | None, rrtype: str | None) -> dict[str, Any]:
    """Return the explanation of a name and a type in text; ValueError where one is no such thing.

    `text` is the same for people, a line each.
    """
    if not name or not rrtype:
        raise ValueError("name and type are needed: /api/v1/explain?name=mx1.example.com&type=A")
    found = explain(view.snapshot, absolute(name), type_number(rrtype))
    if found.host is None:
        return {**found.as_dict(), "text": found.lines()}
    uses = _uses(view.config, {_place(one) for one in found.host.addresses})
    document = found.as_dict()
    told = []
    for reason, shown in zip(found.host.addresses, document["host"]["addresses"], strict=True):
        use = uses[_place(reason)]
        entry = node_entry(view, use)
        shown |= {key: entry[key] for key in ("state", "since", "probed", "override", "last")}
        told.append(replace(reason, why=f"{reason.why}; {_live(use, entry, view.unix_now)}"))
    found = replace(found, host=replace(found.host, addresses=tuple(told)))
    return {**document, "text": found.lines()}


def _place(reason: AddressReason) -> tuple[str, str, str]:
    return reason.node, reason.role, reason.address


def _uses(config: Config, wanted: set[tuple[str, str, str]]) -> dict[tuple[str, str, str], Use]:
    found: dict[tuple[str, str, str], Use] = {}
    for host in config.hosts():
        for member in host.members:
            place = (member.node, member.role, member.target.address)
            if place in wanted:
                found[place] = Use(member.node, member.role, member.target)
    return found


def _live(use: Use, node: dict[str, Any], unix_now: float) -> str:
    words = []
    if override := node["override"]:
        words.append(f"set {age_text(unix_now - override['since'])} ago")
        if override["until"] is not None:
            words.append(f"for another {left_text(override['until'] - unix_now)}")
    probed = node["probed"]
    if use.target.settings.check is Check.NONE:
        words.append("never checked")
    else:
        words.append(f"probes say {probed['state']} for {age_text(unix_now - probed['since'])}")
    if last := node["last"]:
        words.append(f"the last one {age_text(unix_now - last['at'])} ago: {result_text(last)}")
    return ", ".join(words)
