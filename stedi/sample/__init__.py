"""The sample data generator: invented landing data of any size whose results are known to the row."""

from __future__ import annotations

from stedi.sample.files import DEFAULT_SEED, MOST_DIRTY, Chunk, Sample, SampleFile
from stedi.sample.writer import SampleReport, write_sample

__all__ = ["DEFAULT_SEED", "MOST_DIRTY", "Chunk", "Sample", "SampleFile", "SampleReport", "write_sample"]
