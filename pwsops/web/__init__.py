"""The pages. They call `pwsops.operations` and nothing lower."""
