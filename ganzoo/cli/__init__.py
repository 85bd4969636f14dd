"""The command line: one file per command in this folder, imported when the command is used."""

from __future__ import annotations

import importlib
import io
import signal
import sys
from pathlib import Path
from typing import Any

import click

from ganzoo.errors import GanzooError
from ganzoo.memory import keep_freed_memory


class Commands(click.Group):
    """Every file of this folder without a leading underscore is a command; it defines ``command``."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py"))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(context):
            return None
        command: click.Command = importlib.import_module(f"ganzoo.cli.{name}").command
        return command

    def resolve_command(self, context, args):
        try:
            return super().resolve_command(context, args)
        except click.UsageError as error:
            from ganzoo.errors import UnknownName

            if args and args[0].startswith("-"):
                raise
            raise click.UsageError(str(UnknownName("command", args[0], self.list_commands(context)))) from error


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="torch-ganzoo", prog_name="ganzoo")
def ganzoo() -> None:
    """The model zoo for generative adversarial networks: every GAN is a name.

    \b
    ganzoo list                                  what there is
    ganzoo train wgan-gp --dataset mnist-10k --preset cpu --minutes 5
    ganzoo sample runs/wgan-gp-mnist-10k-1 -n 64 --out grid.png
    """
    keep_freed_memory()


class Terminated(BaseException):
    """SIGTERM arrived, as from a scheduler: what is half done is cleared away, as after SIGINT."""


def _terminate(number: int, frame: Any) -> None:
    raise Terminated


def main() -> None:
    """Run the command line: one sentence and exit code 1 for what a person can mend, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 has no sign for some of what is said
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        sys.exit(ganzoo.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except GanzooError as error:
        _fail(str(error), error.exit_code)
    except Terminated:
        _fail("terminated", 128 + signal.SIGTERM)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", 130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        _fail(_explain(error), 1)
    except (MemoryError, RuntimeError) as error:
        from ganzoo.machine import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        _fail("out of memory; ask for fewer images or for smaller ones", 1)
    finally:
        signal.signal(signal.SIGTERM, before)


def _fail(message: str, code: int) -> None:
    click.echo(f"ganzoo: {' '.join(message.split())}", err=True)
    sys.exit(code)


def _explain(error: OSError) -> str:
    place = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{place}; nothing else was written"
