"""The honest speed limit: the platform's transformations as bare SQL in one DuckDB process."""
