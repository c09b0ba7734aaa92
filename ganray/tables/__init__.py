"""Tables as shops have them: one reader of CSV and Parquet, and one spelling of their cells, for ingest and requests alike."""
