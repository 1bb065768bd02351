"""What a browser asks before it lets a Flex plugin call us: which pages may, and how. No cookies, no credentials."""

from flask import Blueprint, Response, request

METHODS = "GET, POST"
HEADERS = "Authorization, Content-Type, Idempotency-Key, X-Request-Id"
SHOWN = "Retry-After, X-Request-Id"
FRESH_S = "600"


def install_cors(blue: Blueprint, origins: tuple[str, ...]) -> None:
    """Answer preflights and mark answers for pages of ``origins``, at all addresses that callers use."""

    @blue.before_app_request
    def preflight() -> Response | None:
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers or not _ours():
            return None
        answer = Response(status=204)
        if request.headers.get("Origin") in origins:
            answer.headers["Access-Control-Allow-Methods"] = METHODS
            answer.headers["Access-Control-Allow-Headers"] = HEADERS
            answer.headers["Access-Control-Max-Age"] = FRESH_S
        return answer

    @blue.after_app_request
    def mark(answer: Response) -> Response:
        origin = request.headers.get("Origin")
        if not _ours():
            return answer
        answer.vary.add("Origin")
        if origin in origins:
            answer.headers["Access-Control-Allow-Origin"] = origin
            answer.headers["Access-Control-Expose-Headers"] = SHOWN
        return answer


def _ours() -> bool:
    return request.path.startswith("/v1/") and not request.path.startswith("/v1/events/")
