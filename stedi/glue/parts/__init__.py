"""What job scripts are assembled from: `stedi.glue.render` reads their text, stedi imports nothing of it."""
