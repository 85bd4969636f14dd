"""A suite's jobs on a cluster: an sbatch array of Slurm, or whatever submitit knows."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ganzoo.benchmark.runner import job_command
from ganzoo.benchmark.suite import Job
from ganzoo.benchmark.work import has_result
from ganzoo.errors import GanzooError
from ganzoo.writing import new_file

# Jobs that run out of time save, leave and are queued again.
SCRIPT = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}{limit}
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --output="{out}/jobs/slurm-%A_%a.txt"
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=TERM@120
{options}
commands=(
{commands}
)
srun bash -c "${{commands[$SLURM_ARRAY_TASK_ID]}}"
code=$?
if [ "$code" -eq 143 ]; then scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"; fi
exit "$code"
"""


def write_sbatch(
    jobs: Sequence[Job], source: str, out: Path, *, at_once: int | None, options: Sequence[str]
) -> Path | None:
    """Write ``<out>/<suite>.sbatch``, an array of the jobs that have no result yet; None if all have one.

    at_once: how many of them run together, all if None. options: more of sbatch's, e.g. ``--partition=gpu``.
    """
    waiting = [job for job in jobs if not has_result(job, out)]
    if not waiting:
        return None
    gpus = max(job.cell.processes for job in waiting) if waiting[0].cell.device != "cpu" else 0
    given = [*([f"--gpus-per-node={gpus}"] if gpus else []), *options]
    text = SCRIPT.format(
        name=f"ganzoo-{waiting[0].suite.name}",
        last=len(waiting) - 1,
        limit=f"%{at_once}" if at_once else "",
        out=out.absolute(),
        options="\n".join(f"#SBATCH {option}" for option in given),
        commands="\n".join(f"  {shlex.quote(shlex.join(job_command(job, source, out.absolute())))}" for job in waiting),
    )
    (out / "jobs").mkdir(parents=True, exist_ok=True)  # Slurm does not make its logs' folder
    path = out / f"{waiting[0].suite.name}.sbatch"
    with new_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def submit_sbatch(script: Path) -> str:
    """Hand a script to Slurm and return what it said."""
    if shutil.which("sbatch") is None:
        raise GanzooError(f"there is no sbatch here; run it where Slurm is: sbatch {script}")
    said = subprocess.run(["sbatch", str(script)], capture_output=True, text=True)
    if said.returncode:
        raise GanzooError(f"sbatch refused {script}: {said.stderr.strip() or said.stdout.strip()}")
    return said.stdout.strip()


def submit_submitit(jobs: Sequence[Job], source: str, out: Path, *, at_once: int | None, options: Sequence[str]) -> str:
    """Hand the jobs that have no result yet to submitit, and return their numbers there.

    options: submitit's parameters, e.g. ``timeout_min=60``; ``cluster=local`` names an executor of it.
    """
    try:
        import submitit
    except ImportError as error:
        raise GanzooError("--executor submitit needs submitit: pip install 'torch-ganzoo[cluster]'") from error
    parameters = dict(_parameter(option) for option in options)
    cluster = str(parameters.pop("cluster", "")) or None
    executor = submitit.AutoExecutor(folder=out / "jobs" / "submitit", cluster=cluster)
    executor.update_parameters(**parameters, slurm_array_parallelism=at_once or len(jobs))
    waiting = [job for job in jobs if not has_result(job, out)]
    with executor.batch():
        handed = [executor.submit(subprocess.check_call, job_command(job, source, out.absolute())) for job in waiting]
    return "\n".join(f"{job.name}: {each.job_id}" for job, each in zip(waiting, handed, strict=True))


def _parameter(option: str) -> tuple[str, str | int]:
    key, equals, value = option.removeprefix("--").partition("=")
    if not equals:
        raise GanzooError(f"option '{option}' is not of the form key=value, e.g. timeout_min=60")
    return key.replace("-", "_"), int(value) if value.isdecimal() else value
