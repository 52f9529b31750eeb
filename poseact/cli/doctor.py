"""`poseact doctor`: whether this installation works. What is examined lies in `poseact.doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from poseact.cli.messages import Messages
from poseact.cli.stdout import print_table, write_line
from poseact.errors import ModelError, PoseactError


def doctor(
    json: Annotated[bool, typer.Option("--json", help="One JSON document instead of tables.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> int:
    """Look at this installation: versions, devices, decoders, models, cache, network settings. Nothing is sent.

    \b
    Examples:
      [bold]poseact doctor[/bold]
      [bold]poseact doctor --json > health.json[/bold]     to attach to a report

    Exits with 0 if `poseact recognize` can work, 5 if a model that comes with poseact is damaged or missing, and 1 if a
    library is. Each problem is one line on stderr that says what to do.
    """
    from poseact.doctor import examine
    from poseact.report.health import health_json, health_table

    messages = Messages(debug=debug)
    health = examine()
    if json:
        write_line(health_json(health))
    else:
        print_table(health_table(health))
    for problem in health.problems:
        (messages.error if problem.hinders else messages.warning)(problem.text)
    if health.hindered("installation"):
        return PoseactError.exit_code
    return ModelError.exit_code if health.hindered("models") else 0
