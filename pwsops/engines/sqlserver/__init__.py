"""The engine for Microsoft SQL Server, over pyodbc, which is imported on first use and nowhere else."""
