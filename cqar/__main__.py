"""`python -m cqar` and the installed command `cqar`."""

from cqar.cli.main import main

if __name__ == "__main__":
    main()
