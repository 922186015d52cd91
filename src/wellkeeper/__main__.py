"""`python -m wellkeeper` is the command line."""

from wellkeeper.cli.main import main

if __name__ == "__main__":
    main()
