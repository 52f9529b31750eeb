"""poseact: names the action in a video from body motion alone. Heavy libraries are imported where they are used."""

__version__ = "0.1.0"
