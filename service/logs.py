"""One line a decision or transition, as JSON or as text for people. No personal data may reach these lines: callers
log SIDs, names of rules and words of ours, and nothing that a customer wrote.
"""

import logging
import sys
from typing import TextIO, cast

import structlog

_parts_set: list[str] = []

_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def set_up_logging(levels: str, style: str) -> None:
    """Send all logging to standard error. ``style`` is "json" or "console".

    ``levels``: the name of the service's level, then those of parts of it: ``INFO,service.reconcile=DEBUG``.
    """
    renderer: list[structlog.typing.Processor]
    if style == "json":
        renderer = [structlog.processors.ExceptionRenderer(_frames), structlog.processors.JSONRenderer()]
    else:
        renderer = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_frames_for_people)]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,  # what differs between styles is the handler's business
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _set_levels(levels)
    logging.getLogger("twilio").setLevel(logging.WARNING)  # it prints bodies at INFO


def _frames(exc_info: structlog.typing.ExcInfo) -> list[dict[str, object]]:
    """A traceback without local variables and without the texts of its exceptions: both hold what customers wrote."""
    stacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)(exc_info)
    return [
        {"exc_type": stack["exc_type"], "is_cause": stack["is_cause"], "frames": stack["frames"]} for stack in stacks
    ]


def _frames_for_people(sio: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    for stack in _frames(exc_info):
        sio.write(f"\n{stack['exc_type']}")
        for frame in cast("list[dict[str, object]]", stack["frames"]):
            sio.write(f"\n  {frame['filename']}:{frame['lineno']} in {frame['name']}")


def _set_levels(levels: str) -> None:
    whole, *parts = levels.split(",")
    for name in _parts_set:  # by an earlier call
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.getLogger("service").setLevel(whole)
    _parts_set[:] = [part.partition("=")[0] for part in parts]
    for part in parts:
        name, _, level = part.partition("=")
        logging.getLogger(name).setLevel(level)
