"""One file for each kind of workload."""
