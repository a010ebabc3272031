"""Monitoring: the health of champions, the results of experiments, and the actions they cause."""
