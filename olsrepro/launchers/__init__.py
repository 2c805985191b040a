"""Launchers train runs; the missing runs of tables and figures go to one of them, the finished ones are measured."""
