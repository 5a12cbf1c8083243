#!/bin/bash
#SBATCH --job-name=sweep
#SBATCH --array=0-49
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --time=00:20:00

module load python
source ~/numbafunc/bin/activate
export NUMBAFUNC_CACHE_DIR=$HOME/.cache/numbafunc-cluster
export NUMBA_NUM_THREADS=$SLURM_CPUS_PER_TASK OPENBLAS_NUM_THREADS=$SLURM_CPUS_PER_TASK
# Fifty programs that know nothing of each other, not fifty ranks.
export NUMBAFUNC_MPI=off MPLBACKEND=Agg

mkdir -p results
python examples/monte_carlo.py "results/price-$SLURM_ARRAY_TASK_ID.png"
