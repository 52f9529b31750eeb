"""README.md says of the models what the manifest and the networks say."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_readme_has_the_table_of_the_script():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    script = runpy.run_path(str(ROOT / "scripts" / "model_table.py"))
    assert script["written"](text) == text, "run: python scripts/model_table.py --write"


def test_every_model_has_its_command_in_the_readme():
    from poseact.zoo import manifest

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for record in manifest().values():
        option = {"classify": "--model", "pose": "--pose"}.get(record.task)
        name = record.aliases[0] if record.aliases else record.name
        assert option is None or f"`poseact recognize clip.mp4 {option} {name}`" in text
