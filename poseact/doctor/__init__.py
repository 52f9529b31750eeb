"""Whether this installation works, and what to do where it does not. Prints nothing, changes nothing, asks nobody."""

from poseact.doctor.examine import examine
from poseact.doctor.health import Cache, Decoder, Devices, Health, Network, Problem, StoredModel

__all__ = ["Cache", "Decoder", "Devices", "Health", "Network", "Problem", "StoredModel", "examine"]
