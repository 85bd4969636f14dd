"""Training, as programs and the command line ask for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from ganzoo.arguments import duration_in_minutes, plain, whole
from ganzoo.errors import GanzooError
from ganzoo.machine import is_out_of_memory, left_alone, pick_device, torch_defaults
from ganzoo.progress import progress_shown
from ganzoo.training import distributed
from ganzoo.training.plan import Request, plan
from ganzoo.training.session import Session
from ganzoo.training.trainer import Hook


def train(
    variant: str | Path | Mapping[str, Any] | None = None,
    *,
    dataset: str | Path | None = None,
    preset: str | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    cpu_minutes: float | None = None,
    stop_at: int | None = None,
    batch_size: int | None = None,
    resolution: int | None = None,
    width: int | None = None,
    device: str = "auto",
    precision: str | None = None,
    compile: bool = False,
    seed: int | None = None,
    accumulate: int | None = None,
    deterministic: bool | None = None,
    fit: str | None = None,
    direction: str | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    init_from: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    eval_every: int | None = None,
    hooks: Sequence[Hook] = (),
    quiet: bool = False,
) -> Path:
    """Train a variant on a data set and return the run's folder, which :func:`ganzoo.load` reads.

    variant: a name, the path of a YAML file, or a mapping such as those files hold. dataset: a name or a path.
    steps: the total, also when resuming; minutes instead fixes the total from a measured rate, cpu_minutes
    likewise from the processor's time. stop_at: leave a resumable run early, its schedules still spanning
    ``steps``. width: of images that are not square, for games between images. overrides: configuration values by
    dotted key. eval_every: score it every so many steps and keep the best model in ``model-best/``. hooks:
    further actions between steps; they see the trainer and must not change it. On resuming, all but ``steps``,
    ``stop_at``, ``device``, ``compile`` and where the ``dataset`` is now must be left out or be as they were. Torch's
    own random numbers are a process's: one training at a time in each. Raises GanzooError for anything that cannot be
    done, Diverged if a loss stops being finite, Interrupted after a signal.
    """
    numbers = {
        "steps": steps, "batch_size": batch_size, "resolution": resolution, "width": width, "seed": seed,
        "accumulate": accumulate, "eval_every": eval_every, "stop_at": stop_at,
    }  # fmt: skip
    given = {name: whole(value, name) for name, value in numbers.items() if value is not None}
    stop_at = given.pop("stop_at", None)
    for name, path in (("dataset", dataset), ("init_from", init_from)):
        if not isinstance(path, str | Path | None):
            raise GanzooError(f"{name} is of type {type(path).__name__}; give a name or a path")
    for hook in hooks:
        if not isinstance(hook, Hook):
            raise GanzooError(
                f"a hook is of type {type(hook).__name__}; give ganzoo.training.trainer.Hook(every, action)"
            )
    request = Request(
        str(variant) if isinstance(variant, Path) else plain(variant),
        str(dataset) if dataset else None,
        preset=preset,
        minutes=None if minutes is None else duration_in_minutes(minutes, "minutes"),
        cpu_minutes=None if cpu_minutes is None else duration_in_minutes(cpu_minutes, "cpu_minutes"),
        precision=precision, deterministic=deterministic, fit=fit, direction=direction,
        init_from=str(init_from) if init_from else None, overrides=plain(overrides), **given,
    )  # fmt: skip
    with (
        distributed.process_group(pick_device(device)) as where,
        torch_defaults(),
        torch.enable_grad(),
        left_alone(where),
        _out_of_memory_explained(),
    ):
        if resume is not None:
            session = Session.resume(Path(resume).expanduser(), request, where, compile=compile, quiet=quiet)
        else:
            with nullcontext() if quiet else progress_shown(err=False) as progress:
                decided = plan(request, progress)
            session = Session.start(decided, out, where, compile=compile, quiet=quiet)
        session.play(stop_at, hooks)
    return session.run


@contextmanager
def _out_of_memory_explained() -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise GanzooError("out of memory; try half the --batch-size, or --accumulate 2 with the same one") from error
