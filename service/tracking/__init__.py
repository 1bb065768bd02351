"""Open invites and their life. ``lifecycle`` is pure data; everything else here knows Redis, and nobody else does."""
