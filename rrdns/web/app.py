"""The HTTP application: pages for everybody, and on the control socket the verbs that change.

Handlers read one View for each request and build large pages in slices, giving way to the event
loop in between: it answers DNS too. Sockets are `listen.py`'s business.
"""

import asyncio
import json
from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

from aiohttp import web

from rrdns.health.overrides import Done, NoSuchNodeError, Order
from rrdns.web import page
from rrdns.web.connections import note_request
from rrdns.web.explaining import explanation
from rrdns.web.metrics import SLICE_SAMPLES, Exposition
from rrdns.web.orders import done_entry, read_order
from rrdns.web.status import hosts, nodes, summary
from rrdns.web.view import Reloaded, View

MAX_BODY_BYTES = 64 * 1024

Item = TypeVar("Item")


class Backend(Protocol):
    """What the application needs of the server behind it."""

    def view(self) -> View:
        """Return the present moment."""
        ...

    @property
    def ready(self) -> bool:
        """Whether answers are served; as in the view, but for nothing."""
        ...

    def troubles(self) -> tuple[str, ...]:
        """Return what makes no progress, in words; as in the view, but for nothing."""
        ...

    async def reload(self) -> Reloaded:
        """Load the configuration anew; a refused one changes nothing."""
        ...

    async def override(self, order: Order) -> Done:
        """Carry out an operator's order; NoSuchNodeError where it is for nobody."""
        ...


def make_app(backend: Backend, *, control: bool) -> web.Application:
    """Return the application; only with `control` it has the verbs that change the server."""
    app = web.Application(
        client_max_size=MAX_BODY_BYTES, middlewares=[note_request, _errors_as_json]
    )
    pages = _Pages(backend)
    app.router.add_get("/", pages.page)
    app.router.add_get("/metrics", pages.metrics)
    app.router.add_get("/healthz", pages.healthz)
    app.router.add_get("/readyz", pages.readyz)
    app.router.add_get("/api/v1/status", pages.status)
    app.router.add_get("/api/v1/explain", pages.explain)
    if control:
        verbs = _Verbs(backend)
        app.router.add_post("/api/v1/reload", verbs.reload)
        app.router.add_put("/api/v1/nodes/{name}", verbs.override)
        app.router.add_put("/api/v1/nodes/{name}/{role}", verbs.override)
    return app


class _Pages:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._exposition = Exposition()
        # One large page at a time: the slices of many would add up to a long wait for DNS.
        self._rendering = asyncio.Lock()

    async def metrics(self, request: web.Request) -> web.Response:
        accept = ", ".join(request.headers.getall("Accept", []))
        async with self._rendering:
            content_type, slices = self._exposition.render(self._backend.view(), accept)
            body = b"".join(await _in_turns(slices))
        return web.Response(
            body=body, headers={"Content-Type": content_type, "Cache-Control": "no-store"}
        )

    async def page(self, _: web.Request) -> web.Response:
        async with self._rendering:
            view = self._backend.view()
            found_nodes = await _in_turns(nodes(view), SLICE_SAMPLES)
            found_hosts = await _in_turns(hosts(view), SLICE_SAMPLES)
            parts = page.render(view, summary(view), found_nodes, found_hosts)
            body = "".join(await _in_turns(parts, SLICE_SAMPLES))
        return web.Response(
            text=body,
            content_type="text/html",
            headers={
                "Cache-Control": "no-store",
                "Content-Security-Policy": page.POLICY,
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
            },
        )

    async def healthz(self, _: web.Request) -> web.Response:
        troubles = self._backend.troubles()
        if not troubles:
            return web.Response(text="ok\n")
        return web.Response(status=503, text="".join(f"{trouble}\n" for trouble in troubles))

    async def readyz(self, _: web.Request) -> web.Response:
        if self._backend.ready:
            return web.Response(text="ok\n")
        return web.Response(status=503, text="answers are not served yet\n")

    async def status(self, _: web.Request) -> web.Response:
        async with self._rendering:
            view = self._backend.view()
            page = summary(view)
            page["nodes"] = await _in_turns(nodes(view), SLICE_SAMPLES)
            page["hosts"] = await _in_turns(hosts(view), SLICE_SAMPLES)
            return _json(page)

    async def explain(self, request: web.Request) -> web.Response:
        name, rrtype = request.query.get("name"), request.query.get("type")
        try:
            # A host may have thousands of addresses.
            return _json(await asyncio.to_thread(explanation, self._backend.view(), name, rrtype))
        except ValueError as error:
            return _json({"error": str(error)}, status=400)


class _Verbs:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def reload(self, _: web.Request) -> web.Response:
        done = await self._backend.reload()
        if done.errors:
            return _json({"ok": False, "errors": list(done.errors)}, status=422)
        return _json({"ok": True, "changes": list(done.changes)})

    async def override(self, request: web.Request) -> web.Response:
        pattern = "/".join(request.match_info.values())
        try:
            order = read_order(pattern, await request.read())
            return _json(done_entry(await self._backend.override(order)))
        except ValueError as error:
            return _json({"error": str(error)}, status=400)
        except NoSuchNodeError as error:
            return _json({"error": str(error)}, status=404)


async def _in_turns(items: Iterable[Item], turn: int = 1) -> list[Item]:
    """Return all items, letting the event loop do other work after every `turn` of them."""
    found: list[Item] = []
    for item in items:
        found.append(item)
        if len(found) % turn == 0:
            await asyncio.sleep(0)
    return found


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=json.dumps(value).encode() + b"\n",
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


@web.middleware
async def _errors_as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPException as error:
        answer = _json({"error": error.reason}, status=error.status)
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    return response
