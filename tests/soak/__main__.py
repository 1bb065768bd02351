"""The soak on the command line: ``SOAK=<conversations> SEED=<number> python -m tests.soak``.

Exit code 1: a promise broke.

SOAK     how many conversations; 200 take about two minutes, 10000 most of an hour
SEED     what is drawn is the same for the same seed; how processes interleave is not
AT_ONCE  conversations under way at once
"""

import os
import random
import signal
import sys

from tests.soak.run import Order, soak


def main() -> int:
    """Run and print. Returns the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the processes of the run are ended with it
    order = Order(
        conversations=int(os.environ.get("SOAK") or 200),
        seed=int(os.environ.get("SEED") or random.SystemRandom().randrange(1_000_000)),
        at_once=int(os.environ.get("AT_ONCE") or 40),
    )
    result = soak(order)
    print(result.text)
    return 1 if result.broken else 0


if __name__ == "__main__":
    sys.exit(main())
