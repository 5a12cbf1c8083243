#!/bin/bash
#SBATCH --job-name=restart
#SBATCH --ntasks=16
#SBATCH --cpus-per-task=4
#SBATCH --time=04:00:00
#SBATCH --signal=USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append

module load python mpi
source ~/numbafunc/bin/activate
export NUMBAFUNC_CACHE_DIR=$HOME/.cache/numbafunc-cluster
export OPENBLAS_NUM_THREADS=$SLURM_CPUS_PER_TASK MKL_NUM_THREADS=$SLURM_CPUS_PER_TASK
export MPLBACKEND=Agg

# Five minutes before the end all ranks get SIGUSR1. The program then writes its
# checkpoint and leaves. When all is done, it removes the checkpoint.
mkdir -p results
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" \
    python examples/restart.py results/restart.png || exit

# A checkpoint means that work is left: put the job into the queue again.
if [ -e results/restart.npz ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
