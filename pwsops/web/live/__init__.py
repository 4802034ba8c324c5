"""What the pages have in common while they are open: the process, what it has read, and each session."""
