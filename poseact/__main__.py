"""`python -m poseact` is the command `poseact`."""

from poseact.cli import main

main()
