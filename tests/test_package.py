import re
import tomllib
from pathlib import Path

import poseact
from poseact.doctor import environment

ROOT = Path(__file__).parent.parent


def test_the_changelog_tells_of_this_version():
    newest = re.search(r"^## (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == poseact.__version__


def test_the_doctor_knows_every_requirement():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [one for extra, ones in project["optional-dependencies"].items() if extra != "dev" for one in ones]
    assert set(environment.PACKAGES) == distributions(project["dependencies"])
    assert distributions(extras) <= set(environment.EXTRAS)


def distributions(requirements):
    return {re.match(r"[\w-]+", requirement)[0] for requirement in requirements}


def test_every_weight_file_has_a_record():
    records = tomllib.loads((ROOT / "weights" / "manifest.toml").read_text())["model"]
    assert {record["file"] for record in records} == {path.name for path in (ROOT / "weights").glob("*.safetensors")}


def test_every_sample_is_described_with_its_hash():
    import hashlib

    text = (ROOT / "samples" / "README.md").read_text()
    for clip in (ROOT / "samples").glob("*.mp4"):
        assert clip.stat().st_size < 1_000_000
        assert f"`{clip.name}`" in text
        assert hashlib.sha256(clip.read_bytes()).hexdigest() in text


def test_the_readme_shows_commands_that_exist():
    from poseact.cli.app import COMMANDS
    from poseact.cli.weights import COMMANDS as WEIGHTS

    text = (ROOT / "README.md").read_text()
    known = {command.__name__.replace("_", "-") for command in COMMANDS} | {"weights"}
    assert set(re.findall(r"poseact weights ([a-z-]+)", text)) <= WEIGHTS.keys()
    used = set(re.findall(r"^\$ poseact ([a-z-]+)", text, re.MULTILINE))
    assert used
    assert used <= known
