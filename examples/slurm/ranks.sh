#!/bin/bash
#SBATCH --job-name=perceptron
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --cpus-per-task=4
#SBATCH --time=00:30:00

module load python mpi
source ~/numbafunc/bin/activate

# One folder of compiled functions for all ranks and all jobs.
export NUMBAFUNC_CACHE_DIR=$HOME/.cache/numbafunc-cluster
# NumPy's matrix products know nothing of ranks: tell them their share of cores.
export OPENBLAS_NUM_THREADS=$SLURM_CPUS_PER_TASK MKL_NUM_THREADS=$SLURM_CPUS_PER_TASK
# End the job, with a message, when ranks have waited ten minutes for one of them.
export NUMBAFUNC_MPI_TIMEOUT=600
export MPLBACKEND=Agg

srun --ntasks=1 --nodes=1 python -m numbafunc info
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" python examples/perceptron.py
