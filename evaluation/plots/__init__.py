"""Plots of the report, one a module, drawn without pyplot."""
