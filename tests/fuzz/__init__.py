"""Inputs that nobody thought of, made from packets that somebody did: the golden cases'."""
