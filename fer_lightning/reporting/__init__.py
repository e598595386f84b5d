"""Figures, tables and reports of numbers that others computed."""
