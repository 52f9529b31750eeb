"""Poses as other tools write them, read and partly written. One module per format; `registry` knows them all."""
