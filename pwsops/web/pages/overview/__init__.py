"""The first page: the verdict, the profiles, and the runs to come."""
