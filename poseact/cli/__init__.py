"""The command line: parse, build the settings, call the library, print. Heavy libraries wait until they are used."""

import sys

try:
    from poseact.cli.entry import main, run
except KeyboardInterrupt:  # while the first tenth of a second imports; later ones are told in `run`
    exec("")  # as in `main`
    sys.stderr.write("error: interrupted\n")
    sys.exit(130)

__all__ = ["main", "run"]
