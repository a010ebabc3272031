"""What is fast: measured beside MLflow and beside the limit of the same machine, in one run. `python -m benchmarks`."""
