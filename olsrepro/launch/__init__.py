"""One run from its config to its record, and what is measured of finished ones.

``run`` prepares, trains and records; ``inputs`` reads data, labels and initial weights by task, ``build`` makes what
trains, ``finished`` is what evaluations see of a run, ``measuring`` has facts that need no training.
"""
