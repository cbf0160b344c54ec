"""What can go wrong in the doors and in answering, on top of ``indexer.errors``.

PilgiError (indexer.errors)
├── SettingError     a setting has a value that means nothing
├── LLMError         the language model cannot be reached or gave nothing usable; the embedded composer answers instead
│   └── ContextTooLongError  the prompt does not fit the model's window; fewer passages may
├── InputError       a question, a batch line or a request is malformed
├── NoteNotFoundError  a note or a line was asked for that the index does not hold
└── AccessError      a key is missing or wrong
"""

from __future__ import annotations

from indexer.errors import PilgiError


class SettingError(PilgiError):
    """A setting has a value that means nothing."""


class LLMError(PilgiError):
    """The language model failed; the message says how, and what to do."""


class ContextTooLongError(LLMError):
    """The prompt is longer than the model's context window."""


class InputError(PilgiError):
    """What was asked for cannot be understood."""


class NoteNotFoundError(PilgiError):
    """The index holds no such note, or the note no such line."""


class AccessError(PilgiError):
    """A key is missing, wrong, or lacks the scope."""
