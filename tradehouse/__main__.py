"""Where the command line starts: signals are heard before anything is imported that takes time."""

from tradehouse.terminal import exits


def main() -> None:
    """Run the command line; the process ends with a documented exit code."""
    exits.run(_call)


def _call() -> None:
    from tradehouse.cli import parser

    parser.call()


if __name__ == "__main__":
    main()
