"""Vector stores, one backend a file, all under one contract (``indexer.types.VectorStore``)."""
