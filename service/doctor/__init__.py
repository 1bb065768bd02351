"""Is this installation as it must be? Looks at the account, the public address, the store, the rules and the processes.

Nothing here is needed to serve a request, and nothing that serves requests may import it.
"""
