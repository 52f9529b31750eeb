"""The command line: parse, build the settings, call the library, print. Heavy libraries wait until they are used."""

from poseact.cli.entry import main, run

__all__ = ["main", "run"]
