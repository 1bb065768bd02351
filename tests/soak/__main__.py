"""The soak on the command line: ``SOAK=<conversations> SEED=<number> python -m tests.soak [--json FILE]``.

Exit code 1: a promise broke; 2: the run did not end by itself in time.

SOAK     how many conversations; 200 take about two minutes, 10000 about forty
SEED     what is drawn is the same for the same seed: every customer's and agent's script, and the order, kinds, targets
         and lengths of all faults; how processes interleave is not
AT_ONCE  conversations under way at once
MINUTES  after so many there is a verdict on what was done until then (12; 58 from 1000 conversations on)
"""

import argparse
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

from tests.soak.run import Order, soak

OVERTIME_S, LAST_S = 60.0, 20.0


def main() -> int:
    """Run and print. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="A storm of faults; see the module.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to this file")
    given = parser.parse_args()
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(2))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the processes of the run are ended with it
    order = Order.of(os.environ, seed=random.SystemRandom().randrange(1_000_000))
    late = threading.Timer(order.minutes * 60 + OVERTIME_S, _too_late, (order,))
    late.daemon = True
    late.start()
    result = soak(order)
    print(result.text)
    if given.json:
        given.json.write_text(json.dumps(result.figures, indent=2) + "\n")
    return 1 if result.broken else 0


def _too_late(order: Order) -> None:
    print(f"\nno verdict within {order.minutes:.0f} minutes, seed {order.seed}", flush=True)
    signal.raise_signal(signal.SIGALRM)  # the main thread ends, and with it the processes
    time.sleep(LAST_S)
    os._exit(2)


if __name__ == "__main__":
    sys.exit(main())
