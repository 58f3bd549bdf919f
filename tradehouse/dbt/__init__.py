"""dbt on this project: the runner, the plugin, the developer's copy, fingerprints, the graph."""
