"""Figures, tables and reports of given numbers; nothing is computed here."""
