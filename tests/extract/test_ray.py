"""Extraction on a Ray cluster of two nodes on this machine: the same bytes, whatever is killed."""

import os
import signal
import threading
import time
from functools import partial
from pathlib import Path

import psutil
import pytest
from small_runs import OPTIONS, Slowly, extract, open_standing, write_clips

from poseact.cli import run
from poseact.errors import OutputError, UsageError
from poseact.extract import ray_engine
from poseact.extract.folder import extract_folder
from poseact.extract.inputs import read_inputs
from poseact.extract.ray_engine import OnRay
from poseact.extract.request import Request

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def cluster():
    """Two nodes with one CPU each."""
    pytest.importorskip("ray", reason="reason: Ray is not installed; pip install 'poseact[ray]'")
    from ray.cluster_utils import Cluster

    here = str(Path(__file__).parent)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, before]))  # what the nodes unpickle is here
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
    yield made
    made.shutdown()
    os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


def on_ray(folder, out, address, scout):
    inputs = read_inputs([folder])
    return extract_folder(
        inputs.clips, out, partial(open_standing, scout), Request(OPTIONS), classes=inputs.classes,
        engine=OnRay(address),
    )  # fmt: skip


def test_a_killed_actor_costs_nothing(cluster, clips, tmp_path):
    extract(clips, tmp_path / "serial.pkl")
    killed = []

    def kill_one():
        until = time.monotonic() + 60
        while not killed and time.monotonic() < until:
            killed.extend(_actors()[:1])
            time.sleep(0.02)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)

    outcomes = on_ray(clips, tmp_path / "ray.pkl", cluster.address, Slowly)
    killer = threading.Thread(target=kill_one)
    killer.start()
    found = list(outcomes)
    killer.join()
    assert killed
    assert len(found) == 7
    assert [one.result.code for one in found if one.error] == ["InvalidVideo"]
    assert (tmp_path / "ray.pkl").read_bytes() == (tmp_path / "serial.pkl").read_bytes()
    assert not _actors()


def _actors():
    """Processes of the actors, by the name that Ray gives them."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any("ray::Node" in part for part in process.info["cmdline"] or ()):
            found.append(process.pid)
    return found


def test_a_killed_node_costs_nothing(cluster, clips, tmp_path):
    extract(clips, tmp_path / "serial.pkl")
    node = cluster.add_node(num_cpus=2)

    def kill_it():
        until = time.monotonic() + 60
        while len(_actors()) < 4 and time.monotonic() < until:
            time.sleep(0.02)
        cluster.remove_node(node, allow_graceful=False)

    killer = threading.Thread(target=kill_it)
    outcomes = on_ray(clips, tmp_path / "ray.pkl", cluster.address, Slowly)
    killer.start()
    found = list(outcomes)
    killer.join()
    assert [one.result.code for one in found if one.error] == ["InvalidVideo"]
    assert (tmp_path / "ray.pkl").read_bytes() == (tmp_path / "serial.pkl").read_bytes()


class SomebodyElse:
    def here(self):
        return True


def test_a_busy_cluster_works_where_it_has_room(cluster, clips, tmp_path):
    import ray

    ray.init(address=cluster.address, log_to_driver=False, include_dashboard=False)
    try:
        other = ray.remote(num_cpus=1)(SomebodyElse).remote()
        ray.get(other.here.remote())
        inputs = read_inputs([clips])
        engine = OnRay(cluster.address)
        found = list(extract_folder(inputs.clips, tmp_path / "p.pkl", open_standing, Request(OPTIONS), engine=engine))
    finally:
        ray.shutdown()
    assert len(found) == 7
    assert [one.result.code for one in found if one.error] == ["InvalidVideo"]


@pytest.mark.parametrize("orders", [{"threads": 50}, {"gpus": 1.0}])
def test_more_than_any_node_has(cluster, clips, tmp_path, orders):
    inputs = read_inputs([clips])
    engine = OnRay(cluster.address, **orders)
    with pytest.raises(UsageError, match="no node of the Ray cluster has"):
        list(extract_folder(inputs.clips, tmp_path / "p.pkl", open_standing, Request(OPTIONS), engine=engine))


def refuse():
    raise OutputError("the networks\ncannot be written")


def test_the_command(cluster, clips, tmp_path, monkeypatch):
    monkeypatch.chdir(clips)
    monkeypatch.setenv("POSEACT_OFFLINE", "1")
    call = ["extract-poses", "a", "--frames", "2", "--device", "cpu", "-q"]
    assert run([*call, "--out", str(tmp_path / "ray.pkl"), "--engine", "ray", "--address", cluster.address]) == 0
    assert run([*call, "--out", str(tmp_path / "local.pkl")]) == 0
    assert (tmp_path / "ray.pkl").read_bytes() == (tmp_path / "local.pkl").read_bytes()


def test_an_address_without_the_engine(clips, tmp_path, capsys):
    assert run(["extract-poses", str(clips), "--out", str(tmp_path / "p.pkl"), "--address", "auto"]) == 2
    assert "give --engine ray too" in capsys.readouterr().err


def test_what_is_no_clips_fault_ends_the_run(cluster, clips, tmp_path):
    inputs = read_inputs([clips])
    with pytest.raises(OutputError, match="cannot be written"):
        list(extract_folder(inputs.clips, tmp_path / "p.pkl", refuse, Request(OPTIONS), engine=OnRay(cluster.address)))


def test_without_ray(monkeypatch, clips, tmp_path):
    def missing():
        raise UsageError("--engine ray needs Ray: pip install 'poseact[ray]'")

    monkeypatch.setattr(ray_engine, "_ray", missing)
    with pytest.raises(UsageError, match="pip install"):
        list(on_ray(clips, tmp_path / "p.pkl", None, Slowly))
