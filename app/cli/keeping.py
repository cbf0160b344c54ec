"""``pilgi keys``: who may use a server that others can reach."""

from __future__ import annotations

import click

from app.cli.korean import Group
from app.cli.options import json_option, settings_of


@click.group(cls=Group)
def keys() -> None:
    """다른 컴퓨터에 서버를 열 때 쓰는 열쇠를 만들고 없앤다."""


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(["read", "index"]),
    default="read",
    show_default=True,
    help="read: 묻고 찾는다. index: 색인도 만든다.",
)
def add(name: str, scope: str) -> None:
    """열쇠를 만들어 한 번만 보여준다."""
    from app.cli.printing import remark, say
    from app.keys import KeyFile

    key = KeyFile(settings_of().keys).add(name, scope)
    remark(f"{name}의 열쇠입니다. 다시 보여주지 않으니 지금 적어 두세요:")
    say(key)


@keys.command("list")
@json_option
def list_keys(as_json: bool) -> None:
    """열쇠의 이름과 권한을 보여준다."""
    from app.cli.printing import remark, say, say_json
    from app.keys import KeyFile

    found = KeyFile(settings_of().keys).keys()
    if as_json:
        say_json([{"name": k.name, "scope": k.scope, "created": k.created} for k in found])
        return
    if not found:
        remark("열쇠가 없습니다: 'pilgi keys add 이름'으로 만들 수 있습니다.")
    for key in found:
        say(f"{key.name}  {key.scope}  {key.created}")


@keys.command()
@click.argument("name")
def remove(name: str) -> None:
    """열쇠를 없앤다. 그 열쇠로 들어온 사람도 곧바로 나간다."""
    from app.cli.printing import remark
    from app.keys import KeyFile

    KeyFile(settings_of().keys).remove(name)
    remark(f"{name}의 열쇠를 없앴습니다.")
