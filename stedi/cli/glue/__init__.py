"""The commands of `stedi glue`, a module each."""
