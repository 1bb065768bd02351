"""A local Twilio: Flex, TaskRouter and Conversations in memory, over real HTTP, for trying out and for tests.

It knows nothing of the service that it serves, except TaskRouter's expression language (``service.rules.expression``),
which both speak. Start it with ``server.start_sandbox`` or ``server.serve_sandbox``.
"""
