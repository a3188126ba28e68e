"""A machine's name in, what it can do out: vector width, registers, caches, triple, features.

One file a target; the file's name is the target's.
"""
