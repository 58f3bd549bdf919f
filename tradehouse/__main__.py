"""Entry point of the command line: handles signals before anything slow is imported."""

from tradehouse.terminal import exits


def main() -> None:
    """Run the command line; the process ends with a documented exit code."""
    exits.run(_call)


def _call() -> None:
    from tradehouse.cli import parser

    parser.call()


if __name__ == "__main__":
    main()
