"""C11 sources of the runtime: the folder that is compiled and linked into every model library.

In: a plan's calls and a caller's buffers. Out: a run on one thread or on many.
Read `tyc.h` first: it is all that a host sees.
"""
