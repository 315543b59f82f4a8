"""`python -m stedi.cli` is `stedi`."""

from stedi.cli import main

main()
