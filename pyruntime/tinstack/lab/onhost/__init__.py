"""Programs that run on a lab's hosts: sent over SSH by `fleet`, run by the host's own Python, standard library alone.

Each module is one program; it reads its arguments as JSON from `argv[1]` and writes to standard output.
"""
