"""The one address of iam.twilio.com that there is: is this Flex token good? See ``tokens`` for what is known of it."""

from flask import Blueprint, Response, request

from service.sandbox.refusals import Refused, not_found
from service.sandbox.tokens import token_report
from service.sandbox.wire import answer
from service.sandbox.world import World


def iam_routes(world: World) -> Blueprint:
    """``/v1/Accounts/{AC}/Tokens/validate``."""
    routes = Blueprint("iam", __name__, url_prefix="/v1/Accounts")

    @routes.post("/<account_sid>/Tokens/validate")
    def validate(account_sid: str) -> Response:
        if account_sid != world.account.sid:
            raise not_found(request.path)
        sent = request.get_json(force=True, silent=True)
        token = sent.get("token") if isinstance(sent, dict) else None
        if not isinstance(token, str) or not token:
            raise Refused("token is required")
        return answer(token_report(world, token))

    return routes
