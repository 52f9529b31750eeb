"""YOLO checkpoints of narrow networks with random weights, which open as published ones do."""

import torch

from poseact.detect import yolo

TASKS = {"pose": ("PoseModel", "yolo11n-pose.yaml"), "detect": ("DetectionModel", "yolo11n.yaml")}


def save_yolo(path, task="pose", name="person", **changes):
    """One class, an eighth of the usual width, built from ultralytics' own description."""
    yolo._ultralytics()
    from ultralytics.nn import tasks

    network, description = TASKS[task]
    narrow = {**tasks.yaml_model_load(description), "nc": 1, "scales": {"n": [0.5, 0.03125, 1024]}, **changes}
    torch.manual_seed(0)
    model = getattr(tasks, network)(narrow, verbose=False)
    model.names, model.task, model.args = {0: name}, task, {"task": task}
    torch.save({"model": model.half(), "train_args": {"task": task}, "date": "", "version": ""}, path)
    return path
