"""Facts that the MPI launcher gave this process, and the start of MPI.

MPI is started only where a launcher has set its environment variables or where the program has loaded mpi4py by
itself. Everywhere else a process is alone, and mpi4py need not be installed.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from functools import cache
from typing import Any

# The first one that is set counts: a launcher of MPI may itself run inside a step of Slurm.
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "FLUX_JOB_SIZE", "SLURM_STEP_NUM_TASKS")
_LOCAL_SIZES = (
    "OMPI_COMM_WORLD_LOCAL_SIZE",
    "MPI_LOCALNRANKS",
    "PALS_LOCAL_SIZE",
    "MV2_COMM_WORLD_LOCAL_SIZE",
    "SLURM_STEP_TASKS_PER_NODE",
)
_RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "PALS_RANKID", "FLUX_TASK_RANK", "SLURM_PROCID")
_MARKS = (*_SIZES, "PMI_RANK", "PMIX_RANK", "PMIX_NAMESPACE", "PALS_RANKID", "ALPS_APP_PE", "JSM_NAMESPACE_SIZE")


SWITCH = "NUMBAFUNC_MPI"
_RANK_PROCESS = "NUMBAFUNC_MPI_RANK_PROCESS"


def _first_number(names: tuple[str, ...]) -> int | None:
    for name in names:
        digits = ""
        for character in os.environ.get(name, ""):
            if not character.isdigit():
                break  # Slurm writes 4(x2) for four on each of two nodes
            digits += character
        if digits:
            return int(digits)
    return None


def switched_off() -> bool:
    """Whether this process is to be alone, whatever the launcher's environment says."""
    setting = os.environ.get(SWITCH, "")
    if setting not in ("", "on", "off"):
        raise ValueError(f"{SWITCH} is {setting!r}; wanted: on or off")
    return setting == "off"


def launched() -> bool:
    """Whether a launcher of parallel programs started this process."""
    return not switched_off() and any(name in os.environ for name in _MARKS)


def promised_size() -> int:
    """Number of ranks by the launcher's environment; 1 if it says nothing."""
    return 1 if switched_off() else _first_number(_SIZES) or 1


def _launch() -> str:
    """What the variables say that differ from launch to launch and from rank to rank."""
    return " ".join(f"{name}={os.environ[name]}" for name in (*_MARKS, *_RANKS, "PMI_FD") if name in os.environ)


def _has_connection() -> bool:
    """Whether the descriptor that MPICH's launcher gives a rank is open; other processes do not inherit it."""
    try:
        return stat.S_ISSOCK(os.fstat(int(os.environ.get("PMI_FD", ""))).st_mode)
    except (OSError, ValueError):
        return False


def _check_is_rank() -> None:
    """Raise RuntimeError in a process that a rank has started, which has the launcher's variables too.

    MPI would end it, or wait for ever. It is told by the number of the process that the rank left in the environment,
    unless a launcher has started it in between.
    """
    number, _, launch = os.environ.get(_RANK_PROCESS, "").partition(" ")
    if number and int(number) != os.getpid() and launch == _launch() and not _has_connection():
        raise RuntimeError(
            f"this process was started by rank process {number} of an MPI job and is no rank itself, though it has "
            f"the launcher's variables; set {SWITCH}=off in its environment to make it a process by itself"
        )


def local_ranks() -> int:
    """Number of ranks of this job on this node; 1 if the environment says nothing."""
    return _first_number(_LOCAL_SIZES) or 1


def rank_before_start() -> int:
    """Number of this process as the launcher's environment has it; 0 if it says nothing."""
    return _first_number(_RANKS) or 0


def threads_of_rank() -> int | None:
    """Cores for each of the ranks that share this node, or None where one rank has the node for itself.

    A rank that the launcher has bound to some cores keeps all of those: it is bound if it may use fewer than the
    process that started it.
    """
    ranks = local_ranks()
    if ranks == 1:
        return None
    if not hasattr(os, "sched_getaffinity"):
        return max(1, (os.cpu_count() or 1) // ranks)
    cores = len(os.sched_getaffinity(0))
    try:
        bound = cores < len(os.sched_getaffinity(os.getppid()))
    except OSError:
        bound = False
    return cores if bound else max(1, cores // ranks)


def loaded_mpi() -> Any:
    """The module ``mpi4py.MPI`` where it is in use in this process, without loading it; else None."""
    if switched_off():
        return None
    module = sys.modules.get("mpi4py.MPI")
    return module if module is not None and module.Is_initialized() and not module.Is_finalized() else None


@cache
def library() -> ctypes.CDLL:
    """The MPI library, through the module of mpi4py that is linked to it."""
    from mpi4py import MPI

    return ctypes.CDLL(MPI.__file__)


def start() -> Any:
    """The module ``mpi4py.MPI`` with MPI running, or None where this process is alone.

    Raises
    ------
    RuntimeError
        Where the launcher promises more ranks than MPI sees, so that every rank would take itself for the only one;
        and after the end of MPI.
    ModuleNotFoundError
        Where the launcher promises several ranks and mpi4py is not installed.
    """
    if loaded_mpi() is None and not launched():
        return None
    promised = promised_size()
    if loaded_mpi() is None:
        _check_is_rank()
    try:
        import mpi4py
    except ModuleNotFoundError:
        if promised == 1:
            return None
        raise ModuleNotFoundError(
            f"this process was started as one of {promised} ranks, and without mpi4py each would take itself for the "
            'only one; install it with pip install "numbafunc[mpi]"',
            name="mpi4py",
        ) from None
    # mpi4py starts MPI when it is imported, and a rank that waits there for the others holds the interpreter's lock,
    # so no thread of this process could watch it. A call through ctypes releases the lock.
    automatic = mpi4py.rc.initialize
    mpi4py.rc.initialize = False
    try:
        from mpi4py import MPI
    finally:
        mpi4py.rc.initialize = automatic
    if MPI.Is_finalized():
        raise RuntimeError("collective calls are not possible after MPI.Finalize()")
    if not MPI.Is_initialized():
        _initialize(MPI)
    os.environ[_RANK_PROCESS] = f"{os.getpid()} {_launch()}"
    size = MPI.COMM_WORLD.Get_size()
    if size == 1 and promised > 1:
        raise RuntimeError(
            f"the launcher started {promised} ranks, but MPI ({_name(MPI)}) sees a single one, so nothing would be "
            "reduced; start the program with the mpiexec of the MPI that mpi4py uses, or install mpi4py for this one"
        )
    return MPI


def _initialize(MPI: Any) -> None:
    import atexit

    process = os.getpid()
    provided = ctypes.c_int()
    library().MPI_Init_thread(None, None, ctypes.c_int(MPI.THREAD_MULTIPLE), ctypes.byref(provided))
    for communicator in (MPI.COMM_WORLD, MPI.COMM_SELF):
        communicator.Set_errhandler(MPI.ERRORS_RETURN)

    def finalize() -> None:
        # A forked child has no part in MPI: its call would hang or break the job.
        if os.getpid() == process and not MPI.Is_finalized():
            library().MPI_Finalize()

    atexit.register(finalize)


def _name(MPI: Any) -> str:
    name, version = MPI.get_vendor()
    return f"{name} {'.'.join(map(str, version))}"


def describe() -> str:
    """One line for ``python -m numbafunc info``."""
    from importlib.util import find_spec

    if loaded_mpi() is None and not launched():
        return "one process, not started by an MPI launcher"
    if find_spec("mpi4py") is None:
        return f"started as one of {promised_size()} ranks, but mpi4py is not installed"
    MPI = start()
    return f"rank {MPI.COMM_WORLD.Get_rank()} of {MPI.COMM_WORLD.Get_size()}, {_name(MPI)}"
