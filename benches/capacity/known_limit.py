#!/usr/bin/env python3
"""Searches for the capacity of a server whose limit is known, again and again.

    benches/capacity/known_limit.py SIO_LOAD SEARCHES [PARALLEL] > results/capacity/known-limit.json

The embedded server works 2 ms at each event, so it carries 500 clients that emit once a second, and
holds 40,000 bytes for each. Writes what each search found, and how many lie within 5 %.
"""

import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import time

SCENARIO = """
name = "known-limit"
duration = "10s"
[server]
command = ["{sio_load}", "serve", "--listen", "127.0.0.1:{{{{port}}}}", "--work", "2ms", "--rss-per-client", "40KB"]
[[clients]]
count = 400
transports = ["websocket"]
[[clients.emit]]
event = "work"
every = "1s"
ack = {{ timeout = "5s" }}
[thresholds]
"ack.time" = ["p(99) < 250ms"]
[capacity]
from = 100
precision = "5%"
hold = "5s"
settle = "5s"
"""
TRUE_CAPACITY = 500
TRUE_BYTES = 40_000


def search(sio_load, number):
    with tempfile.TemporaryDirectory() as folder:
        scenario = os.path.join(folder, "known-limit.toml")
        with open(scenario, "w") as file:
            file.write(SCENARIO.format(sio_load=os.path.abspath(sio_load)))
        begun = time.monotonic()
        command = [sio_load, "capacity", scenario, "--quiet", "--json", "--seed", str(number)]
        done = subprocess.run(command + ["--out", folder], capture_output=True, text=True, timeout=900)
        took = time.monotonic() - begun
        report = json.loads(done.stdout)
        memory = report["rss_per_client"] or {}
        return {
            "seed": number,
            "exit_code": done.returncode,
            "conclusion": report["conclusion"],
            "capacity": report["capacity"],
            "fails_at": report["fails_at"],
            "rss_per_client": memory.get("value"),
            "rss_per_client_error": memory.get("error"),
            "levels": len(report["levels"]),
            "took_s": round(took, 1),
        }


def within(value, truth):
    return value is not None and abs(value - truth) <= 0.05 * truth


def main():
    sio_load, searches = sys.argv[1], int(sys.argv[2])
    parallel = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        found = list(pool.map(lambda n: search(sio_load, n), range(1, searches + 1)))
    summary = {
        "true_capacity": TRUE_CAPACITY,
        "true_rss_per_client": TRUE_BYTES,
        "parallel": parallel,
        "cores": os.cpu_count(),
        "load_average": os.getloadavg(),
        "searches": searches,
        "capacity_within_5_percent": sum(within(f["capacity"], TRUE_CAPACITY) for f in found),
        "rss_within_5_percent": sum(within(f["rss_per_client"], TRUE_BYTES) for f in found),
        "found": found,
    }
    print(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main()
