"""The AWS side: job scripts, tables, infrastructure, releases and runs, all from the contracts and the zone SQL."""
