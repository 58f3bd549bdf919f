"""Where the command line starts: signals are heard before anything is imported that takes time."""

from tradehouse import ends


def main() -> None:
    """Run the command line; the process ends with a documented exit code."""
    ends.run(_call)


def _call() -> None:
    from tradehouse import cli

    cli.call()


if __name__ == "__main__":
    main()
