"""What models have to fit into here: memory, cores, and the device that the engine really uses."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from studio.core.messages import DeviceReport
from studio.core.speed import load
from studio.models.remote import Machine

_CPU = "CPUExecutionProvider"


def timed(machine: Machine, cache: Path) -> Machine:
    """The same with what an engine has measured of it by now. Reads a small file in `cache`."""
    return replace(machine, speed=load(cache, machine.providers[0]))


def machine_of(report: DeviceReport | None) -> Machine:
    """This computer, with the device that the engine has found; without a report, no graphics."""
    import psutil

    memory, cores = psutil.virtual_memory().total, os.cpu_count() or 1
    if report is None:
        return Machine(memory=memory, cores=cores)
    return Machine(
        memory=memory,
        gpu="" if report.providers[:1] in ((), (_CPU,)) else report.name,
        gpu_memory=report.memory,
        providers=report.providers or (_CPU,),
        cores=cores,
    )
