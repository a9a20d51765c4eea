"""The run of an import: plan, rows, report and schedule."""
