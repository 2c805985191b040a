"""Training: one loop for every task and method.

``recipe`` and ``runtime`` are settings, ``schedule`` has learning rates, ``optimizer`` and ``device`` what they say,
``learner`` is what learns, ``trainer`` the loop. Each task is a package, ``classification`` or ``detection``.
"""
