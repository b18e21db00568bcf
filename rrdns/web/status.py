"""The JSON of /api/v1/status (design, section 6), made from a View and nothing else."""

from collections.abc import Iterator
from typing import Any

from rrdns.health.overrides import Place, idle
from rrdns.health.state import TargetState
from rrdns.model import Host, Selection
from rrdns.names import to_text
from rrdns.targets import Override, TlsSession
from rrdns.web.view import Use, View, in_rotation, selections, uses


def status(view: View) -> dict[str, Any]:
    """Return the whole status; times are unix seconds, durations seconds."""
    return {**summary(view), "nodes": list(nodes(view)), "hosts": list(hosts(view))}


def summary(view: View) -> dict[str, Any]:
    """Return the part of the status whose size does not depend on the configuration."""
    return {
        "generation": view.generation,
        "ready": view.ready,
        "config": {
            "sha256": view.config.sha256,
            "loaded": view.reload.loaded_at,
            "last_error": view.reload.last_error,
        },
        "domains": len(view.config.domains),
        "overrides": list(overrides(view)),
    }


def overrides(view: View) -> Iterator[dict[str, Any]]:
    """Yield an entry for each override, those too that the configuration has nothing for."""
    without_use = idle(view.overrides, view.config)
    for place, override in view.overrides.items():
        yield {
            "node": place[0],
            **override_entry(place, override),
            "idle": place in without_use,
            "kept": view.saved_overrides.get(place) == override,
        }


def override_entry(place: Place, override: Override) -> dict[str, Any]:
    """Return an override as JSON takes it; `role` is None for one of a whole node."""
    return {
        "role": place[1],
        "state": str(override.state),
        "since": override.since,
        "until": override.until,
        "reason": override.reason,
    }


def nodes(view: View) -> Iterator[dict[str, Any]]:
    """Yield an entry for each address that some host uses, as the node and role it is of."""
    answered = in_rotation(view)
    for use in uses(view.config):
        yield {**node_entry(view, use), "in_rotation": use in answered}


def node_entry(view: View, use: Use) -> dict[str, Any]:
    """Return what is known of one address of a node: effective state, probes, override."""
    state = view.states.get(use.target.key)
    verdict = view.verdict(use.target)
    since = view.unix(state.since) if state is not None else view.started_at
    found = use.override(view)
    return {
        "node": use.node,
        "role": use.role,
        "address": use.target.address,
        "port": use.target.settings.port,
        "state": str(verdict if found is None else found[1].state),
        "probed": {"state": str(verdict), "since": since},
        "override": None if found is None else override_entry(*found),
        "since": since if found is None else found[1].since,
        "last": _last(view, state) if state is not None else None,
    }


def _last(view: View, state: TargetState) -> dict[str, Any] | None:
    if state.last is None or state.last_at is None:
        return None
    return {
        "result": str(state.last.reason),
        "phase": state.last.phase,
        "code": state.last.code,
        "text": state.last.text,
        "at": view.unix(state.last_at),
        "seconds": dict(state.last.seconds),
        "tls": _tls(state.last.tls),
    }


def _tls(session: TlsSession | None) -> dict[str, Any] | None:
    if session is None:
        return None
    return {
        "version": session.version,
        "cipher": session.cipher,
        "names": list(session.names),
        "earliest_expiry": session.earliest_expiry,
    }


def hosts(view: View) -> Iterator[dict[str, Any]]:
    """Yield an entry for each host and each family in which it has addresses."""
    for host, selection in selections(view):
        yield _host(view, host, selection)


def _host(view: View, host: Host, selection: Selection) -> dict[str, Any]:
    name = to_text(host.name)
    answered = [member.target.address for member in selection.selected]
    own = [member.target.address for member in host.considered(selection.family)]
    # Those that are out now have led before: the share of leads needs them too.
    return {
        "host": name,
        "family": str(selection.family),
        "failopen": selection.failopen,
        "degraded": selection.degraded,
        "addresses": answered,
        "leads": {
            address: view.traffic.leads.get((name, address), 0)
            for address in dict.fromkeys((*own, *answered))
        },
    }
