"""What is handed over: tidy tables of the history, and files of them. pandas, pyarrow and XlsxWriter live here alone.

Nothing heavy is imported before a report is asked for.
"""
