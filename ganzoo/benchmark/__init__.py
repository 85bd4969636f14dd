"""Comparing models: suites of trainings at equal cost, their results as files, and tables of those."""
