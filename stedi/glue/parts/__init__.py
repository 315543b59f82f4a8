"""The helpers of a job script: `stedi.glue.render` copies their text, stedi imports nothing of it."""
