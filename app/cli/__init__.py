"""The command line: ``pilgi``. Commands read options, call what does the work, and print; each has a file of its own.

Exit status: 0 all fine, 1 an error (one line on stderr), 2 wrong usage, 3 done but something was left out, 130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from app.cli import asking, demonstrating, evaluating, indexing, keeping, serving
from app.cli.korean import Group, usage_message

ERROR, USAGE, INTERRUPTED = 1, 2, 130


@click.group(cls=Group)
@click.version_option(package_name="pilgi", prog_name="pilgi", message="%(prog)s %(version)s", help="버전을 보여준다.")
def pilgi() -> None:
    """필기: 한국어 학습 노트에 묻고, 줄까지 짚은 답을 받고, 개념을 바로 돌려 본다.

    설정은 환경 변수 PILGI_…나 .env 파일로도 줄 수 있다 (예: PILGI_NOTES=~/notes).
    """


for command in (
    indexing.index,
    asking.search,
    asking.ask,
    demonstrating.demo,
    evaluating.evaluate,
    serving.serve,
    keeping.keys,
):
    pilgi.add_command(command)


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a lone surrogate comes out as \udcXX, which in JSON is what it should be
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        sys.exit(_run(args))
    except BrokenPipeError:
        # or the interpreter complains when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ERROR)


def _run(args: Sequence[str] | None) -> int:
    try:
        status = pilgi.main(args=None if args is None else list(args), prog_name="pilgi", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return USAGE
    except click.UsageError as error:
        return _failed(usage_message(error), USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _failed("멈췄습니다.", INTERRUPTED)
    except click.ClickException as error:
        return _failed(error.format_message(), ERROR)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        return _failed(f"오류:{where}: {error.strerror or error}", ERROR)
    except Exception as error:  # told apart by name below: importing the error classes here would cost every start
        line = _known(error)
        if line is None:
            raise
        return _failed(f"오류: {line}", ERROR)


def _known(error: Exception) -> str | None:
    """The line for an error that a user can do something about; None for a fault of ours, which shows its traceback."""
    from indexer.errors import PilgiError
    from models.concept import ConceptError

    return " ".join(str(error).split()) if isinstance(error, (PilgiError, ConceptError)) else None


def _failed(line: str, status: int) -> int:
    from app.cli.printing import safe

    click.echo(safe(line), err=True)
    return status
