"""`python -m sessionproof`: the command line."""

from sessionproof._cli import main

if __name__ == "__main__":
    main(prog_name="sessionproof")
