"""Click, speaking Korean: headings of the help, and messages of wrong usage."""

from __future__ import annotations

from typing import Any

import click


class _Korean:
    """Korean headings for a command's help."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, " ".join(self.collect_usage_pieces(ctx)), prefix="사용법: ")  # type: ignore[attr-defined]

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.help = "이 도움말을 보여준다."
        return option

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = [p.get_help_record(ctx) for p in self.get_params(ctx) if isinstance(p, click.Option)]  # type: ignore[attr-defined]
        with formatter.section("옵션"):
            formatter.write_dl([r for r in records if r])


class Command(_Korean, click.Command):
    """A command whose help is in Korean."""


class Group(_Korean, click.Group):
    """A group whose help is in Korean, and whose commands are ``Command`` unless said otherwise."""

    command_class = Command

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("명령"):
            formatter.write_dl([(name, c.get_short_help_str(limit=200)) for name, c in commands if c and not c.hidden])

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order they were added, which is the order in which one needs them."""
        return list(self.commands)


def usage_message(error: click.UsageError) -> str:
    """One line on what is wrong with how the command was called."""
    hint = f" — '{error.ctx.command_path} --help'로 사용법을 볼 수 있습니다." if error.ctx else ""
    return f"사용법 오류: {_said(error)}{hint}"


def _said(error: click.UsageError) -> str:
    possible = getattr(error, "possibilities", None)
    near = f" 혹시 {', '.join(possible)}?" if possible else ""
    match error:
        case click.NoSuchOption():
            return f"{error.option_name} 옵션은 없습니다.{near}"
        case click.NoSuchCommand():
            return f"{error.command_name} 명령은 없습니다.{near}"
        case click.MissingParameter():
            return f"{_name(error)}을(를) 적어 주세요."
        case click.BadParameter():
            return f"{_name(error)}: {error.message}" if error.param else error.message
        case _:
            return error.message


def _name(error: Any) -> str:
    if error.param is None:
        return str(error.param_hint or "값")
    return str(error.param.opts[-1] if isinstance(error.param, click.Option) else error.param.make_metavar(error.ctx))
