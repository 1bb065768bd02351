"""Claims what is due until nothing is, and prints how many, from when, and until when.

``python -m tests.bench.claimer <store>``
"""

import sys
import time

from service.tracking.connection import connect
from service.tracking.store import Store

AT_ONCE = 16  # as a reconciler with all hands free


def main() -> None:
    """Claim and print."""
    store = Store(connect(sys.argv[1]), keep_s=600)
    count, began = 0, time.time()
    while partitions := store.due_partitions():
        for partition in partitions:
            count += len(store.claim(partition, lease_s=3600, most=AT_ONCE)[1])
    print(count, began, time.time())


if __name__ == "__main__":
    main()
