"""The address that Prometheus reads.

Open like the probes: rules' names and counts are all it tells. Whoever gives a key the scope ``metrics`` closes it to
everybody without such a key, which a service that the Internet reaches without a proxy before it should do.
"""

import os
from collections.abc import Iterator

from flask import Blueprint, Response, request

from service.intake.desk import Desk
from service.intake.door import Door
from service.metrics.files import VARIABLE
from service.metrics.scrape import Reading, exposition
from service.reconcile.readings import process_readings, store_readings

SCOPE = "metrics"


def measures(desk: Desk, door: Door) -> Blueprint:
    """The blueprint of /metrics. Answers while the store is away, too: ``flex_router_store_up`` says so."""
    blue = Blueprint("measures", __name__)
    closed = any(SCOPE in key.scopes for key in door.keys)

    def read() -> Iterator[Reading]:
        yield from process_readings(desk.book)
        yield from store_readings(desk.parts)

    @blue.get("/metrics")
    def metrics() -> Response:
        if closed:
            door.admit_key(request, SCOPE)
        text, content_type = exposition(
            read, accept=request.headers.get("Accept", ""), directory=os.environ.get(VARIABLE)
        )
        return Response(text, content_type=content_type, headers={"Cache-Control": "no-store"})

    return blue
