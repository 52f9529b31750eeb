"""Answers for people and machines: tables, JSON, annotated video, pictures. Knows nothing of models or options.

Import from the modules themselves; some of them load OpenCV, PyAV or matplotlib.
"""
