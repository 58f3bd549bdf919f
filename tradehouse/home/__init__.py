"""A home and its files: paths, settings, typed records, atomic files, the lock, the databases."""
