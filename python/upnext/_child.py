"""Runs a program that ends when the process that started this one does: _child.py PARENT PROGRAM ARGUMENT..."""
import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == int(sys.argv[1]):  # else it ended before the line above
        os.execv(sys.argv[2], sys.argv[2:])
