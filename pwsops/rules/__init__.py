"""Where the thinking is: pure functions over frozen records. No I/O, no clock, no state."""
