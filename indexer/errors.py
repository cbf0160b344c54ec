"""What can go wrong in the indexer; each message (Korean, one line) names the value and the remedy.

PilgiError
├── NoteError            one file cannot be read; a build goes on without it
├── NotesNotFoundError   the folder of notes is not there, or holds nothing to read
├── IndexMissingError    no index was built yet
├── IndexBrokenError     a file of the index is missing or changed
├── IndexMismatchError   the index was built with other parts (encoder, tokenizer, …)
├── IndexLockedError     another build is at work
├── BackendMissingError  an optional package is not installed
└── ModelError           an encoder or reranker cannot be loaded
"""

from __future__ import annotations


class PilgiError(Exception):
    """Every error that a user can do something about."""


class NoteError(PilgiError):
    """One file cannot be read."""


class NotesNotFoundError(PilgiError):
    """There are no notes at the given place."""


class IndexMissingError(PilgiError):
    """No index at the given place."""


class IndexBrokenError(PilgiError):
    """The index on disk is not whole."""


class IndexMismatchError(PilgiError):
    """The index was built by other parts than those now set."""


class IndexLockedError(PilgiError):
    """Another process is building the same index."""


class BackendMissingError(PilgiError):
    """An optional package is needed and not installed."""


class ModelError(PilgiError):
    """A model cannot be loaded from where the setting points."""
