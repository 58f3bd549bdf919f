"""A home and its files: paths, settings, typed records, whole files, the lock, the databases."""
