"""What cells of a notebook show that no page of the dashboard is alone: a table, a calendar, a plan."""
