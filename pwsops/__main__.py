"""`python -m pwsops`: the command line."""

from pwsops.cli import main

if __name__ == "__main__":
    main()
