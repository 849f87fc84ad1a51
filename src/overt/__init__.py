"""Overt: call recording that asks first."""

__version__ = "0.2.0"
