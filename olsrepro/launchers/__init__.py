"""Launchers: where the runs that experiments want are executed."""
