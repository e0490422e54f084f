"""`python -m onefold`: the command line without its installed script."""

from onefold.cli import main

if __name__ == "__main__":
    main()
