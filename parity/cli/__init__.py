"""`stedi parity ...`: the commands of the harness, which `stedi` loads when one of them is run."""
