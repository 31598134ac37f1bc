"""The command line, `python -m upnext` and `upnext`: the program of this package takes the place of the interpreter."""
import os
import sys

from ._library import program


def main() -> None:
    path = program()
    os.execv(path, ["upnext", *sys.argv[1:]])


if __name__ == "__main__":
    main()
