"""Statistics of live traffic: sums that merge in any order, and the tests that read them at every look."""
