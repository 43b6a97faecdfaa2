"""How fast it is, each workload against a bare limit on the same server in the same run: `python -m benchmarks`."""
