"""The pages that create and change a profile."""
