"""Entrances: the `tyc` command, one file a subcommand, and `dev/` for those who work on tyc itself.

In: a command line. Out: files, tables, and an exit status. Read `tyc.py` first; it lists the
commands.
"""
