"""The run itself: command line, home, sync, build, publish, releases, doctor.

The models belong in `models/`, loading in `ingestion/`, the source in `connectors/`. Importing this
package or any module of it opens no file, database or network connection.
"""

__version__ = "0.1.0"
