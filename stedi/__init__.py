"""The STEDI lakehouse on one machine: landing JSON to trusted and curated tables, in DuckDB SQL."""

__all__ = ["__version__"]

__version__ = "0.1.0"
