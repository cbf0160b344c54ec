"""Keys to a server that others can reach: made once, shown once, kept only as salted hashes.

A key is 32 random bytes, so that one round of SHA-256 is enough: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from app.errors import InputError, SettingError
from indexer.generation import write_atomic

Scope = Literal["read", "index"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
_PREFIX = "pilgi-"


@dataclass(frozen=True)
class Key:
    """A key as it is kept. The scope ``index`` allows what ``read`` allows, too."""

    name: str
    scope: Scope
    salt: str
    hash: str
    created: str

    def allows(self, scope: Scope) -> bool:
        """Whether whoever holds this key may do what ``scope`` names."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)

    def opens(self, secret: str) -> bool:
        """Whether this is the hash of ``secret``."""
        return hmac.compare_digest(_hash(self.salt, secret), self.hash)


class KeyFile:
    """The file of keys, read again whenever it changed; a file that is not there holds none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: tuple[tuple[int, int], tuple[Key, ...]] | None = None

    def keys(self) -> tuple[Key, ...]:
        """All keys.

        Raises:
            SettingError: the file cannot be read.
        """
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return ()
        mark = (stat.st_mtime_ns, stat.st_ino)
        if self._read is None or self._read[0] != mark:
            try:
                self._read = (mark, tuple(Key(**row) for row in json.loads(self.path.read_text("utf-8"))))
            except (OSError, ValueError, TypeError) as error:
                remedy = "고치거나 지우고 'pilgi keys add'로 다시 만드세요."
                raise SettingError(f"열쇠 파일 {self.path}을(를) 읽을 수 없습니다: {remedy}") from error
        return self._read[1]

    def find(self, secret: str) -> Key | None:
        """The key that ``secret`` is, or None."""
        return next((key for key in self.keys() if key.opens(secret)), None)

    def named(self, name: str) -> Key | None:
        """The key of that name, or None."""
        return next((key for key in self.keys() if key.name == name), None)

    def add(self, name: str, scope: str) -> str:
        """Make a key and return it; it cannot be read back.

        Raises:
            InputError: the name is empty or taken, or the scope is none.
        """
        if not name.strip():
            raise InputError("열쇠의 이름이 비어 있습니다.")
        if self.named(name):
            raise InputError(f"{name!r} 열쇠가 이미 있습니다: 다른 이름을 쓰거나 'pilgi keys remove'로 먼저 없애세요.")
        if scope not in SCOPES:
            raise InputError(f"권한 {scope!r}은(는) 없습니다: {', '.join(SCOPES)} 가운데 하나여야 합니다.")
        secret, salt = _PREFIX + secrets.token_urlsafe(32), secrets.token_hex(16)
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        made = Key(name, "index" if scope == "index" else "read", salt, _hash(salt, secret), created)
        self._write((*self.keys(), made))
        return secret

    def remove(self, name: str) -> None:
        """Remove a key.

        Raises:
            InputError: there is none of that name.
        """
        if not self.named(name):
            raise InputError(f"{name!r} 열쇠가 없습니다: 'pilgi keys list'로 볼 수 있습니다.")
        self._write(tuple(key for key in self.keys() if key.name != name))

    def _write(self, keys: tuple[Key, ...]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        mask = os.umask(0o077)  # for the owner alone, from the first byte on
        try:
            write_atomic(self.path, json.dumps([asdict(key) for key in keys], ensure_ascii=False, indent=1))
        finally:
            os.umask(mask)
        self._read = None


def _hash(salt: str, secret: str) -> str:
    return hashlib.sha256(bytes.fromhex(salt) + secret.encode("utf-8", "surrogatepass")).hexdigest()
