"""Layers: modules that own parameters and call `tyc.functional`."""
