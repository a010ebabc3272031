"""Tests of the statistics of live traffic."""
