"""How the encoder, the reranker and the concept bridge that ship are trained: ``python -m indexer.training --help``."""
