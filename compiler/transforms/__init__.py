"""`ty` in, better `ty` out: one pass a file, and the file's name is the pass's argument.

In: a verified `ty` program. Out: a verified `ty` program with the same meaning. Each file opens
with a program before and after. The order in which passes run stands in `compiler/pipeline.py`.
"""
