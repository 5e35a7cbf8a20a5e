#!/usr/bin/python3
"""Runs one comparison: run.py NAME, or `make bench B=NAME`; without a name, tells which there are.

A comparison is bench/NAME.py. Its options come from the environment (PART, SECS, ROUNDS, ...;
each file's head lists them), so that make passes them on. No figure is judged here: the table is
for reading, build/bench/NAME.json for keeping.
"""

import glob
import importlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
NOT_COMPARISONS = ("run", "measure")    # nor what has an underscore: parts of one
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "dev")]


def names():
    found = (os.path.basename(path)[:-3] for path in glob.glob(os.path.join(HERE, "*.py")))
    return sorted(name for name in found if name not in NOT_COMPARISONS and "_" not in name)


def main(name=None):
    if name not in names():
        print("usage: make bench B=NAME, one of: %s" % ", ".join(names()))
        return 0 if name is None else 2
    return importlib.import_module(name).main()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
