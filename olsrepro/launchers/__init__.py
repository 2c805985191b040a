"""Launchers train runs; the missing runs of tables and figures go to one of them, the finished ones are measured."""

from __future__ import annotations

from olsrepro.launchers.table import fill_table

__all__ = ["fill_table"]
