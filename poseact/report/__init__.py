"""Answers for people and machines: tables, JSON, annotated video, pictures. Runs no network.

Import from the modules themselves; some of them load OpenCV, PyAV or matplotlib.
"""
