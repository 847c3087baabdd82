"""How blocks of work are spread: one after the other, over threads, over processes, over a Dask cluster."""

from pipeline.engines.dask import Dask
from pipeline.engines.engine import Engine
from pipeline.engines.processes import Processes
from pipeline.engines.serial import Serial
from pipeline.engines.threads import Threads

__all__ = ["Dask", "Engine", "Processes", "Serial", "Threads"]
