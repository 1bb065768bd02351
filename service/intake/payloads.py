"""Bytes → our frozen values, or an error: every body that comes in passes through one of these. No I/O, no Flask."""

from service.intake.payloads_events import parse_cloud_events, parse_message_form, parse_taskrouter_form
from service.intake.payloads_requests import body_fingerprint, parse_decision_request, parse_routing_request

__all__ = [
    "body_fingerprint",
    "parse_cloud_events",
    "parse_decision_request",
    "parse_message_form",
    "parse_routing_request",
    "parse_taskrouter_form",
]
