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

# Five minutes before the end all ranks get SIGUSR1; the program then writes its checkpoint and leaves.
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" python examples/restart.py results/restart.png || exit

# It removes the checkpoint when all is done. If there is one, there is work left: put the job into the queue again.
if [ -e results/restart.npz ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
