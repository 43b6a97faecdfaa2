"""`python -m benchmarks.driver`: calls the bare function from threads, through the driver that the service uses.

Reads a plan as JSON from standard input, and writes how many seconds each call took to standard output.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from random import Random
from time import perf_counter
from typing import Any
from uuid import UUID

import psycopg

from benchmarks.town import payer_id, taker_id


def main() -> None:
    """Call from so many threads for so many seconds, each with a connection of its own."""
    plan = json.load(sys.stdin)
    with ThreadPoolExecutor(plan["threads"]) as pool:
        found = pool.map(lambda number: _call(plan, Random(number)), range(plan["threads"]))
        json.dump([seconds for each in found for seconds in each], sys.stdout)


def _call(plan: dict[str, Any], dice: Random) -> list[float]:
    programme = UUID(plan["programme"])
    latencies = []
    options = f"-c timecredits.programme={programme} -c timezone=UTC"
    with psycopg.connect(plan["url"], autocommit=True, prepare_threshold=0, options=options) as connection:
        end = perf_counter() + plan["seconds"]
        while (began := perf_counter()) < end:
            payer, taker = payer_id(dice.randrange(plan["payers"])), taker_id(dice.randrange(plan["takers"]))
            connection.execute("SELECT bare.spend(%s, %s, %s, 1)", (programme, payer, taker)).fetchone()
            latencies.append(perf_counter() - began)
    return latencies


if __name__ == "__main__":
    main()
