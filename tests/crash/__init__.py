"""The crash matrix: real processes killed at every step, and what a power cut leaves of a file.

shim.c, shim.py   counts what a process writes, kills it at the n-th, or writes down all of it
points.py         the same for every function of the journal and its actors
script.py         what the victim does: a whole handler at work, told line by line
zygote.py         forks victims and judges, so that a run costs no imports
judge.py          what must be true of what is left
matrix.py         which points there are, and one run
disk.py           the files as a power cut leaves them
"""
