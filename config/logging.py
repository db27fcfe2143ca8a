"""Structured logs, one JSON line each, with the request's id and no personal data."""

import logging
import logging.config
import re

import sentry_sdk
import structlog

# Whatever a library or a hurried line puts under these names does not reach the log.
PERSONAL = frozenset({"email", "recipient", "name", "address", "ip", "password", "token", "code"})
DETAIL = re.compile(r"DETAIL:.*")


def hide_personal_data(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    for key in PERSONAL & event.keys():
        event[key] = "[hidden]"
    return event


def hide_values(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """PostgreSQL quotes the row in the DETAIL of an error; a log keeps none of it."""
    if "exception" in event:
        event["exception"] = DETAIL.sub("DETAIL: [hidden]", event["exception"])
    return event


def report_errors(dsn: str) -> None:
    """Send errors to Sentry, without personal data; an empty `dsn` sends none."""
    if dsn:
        sentry_sdk.init(dsn, send_default_pii=False, include_local_variables=False)


def configure(level: str) -> None:
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_personal_data,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            hide_values,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # httpx, urllib3 and stripe name addresses and ids at INFO.
    for chatty in ("stripe", "urllib3", "httpx", "kombu"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
