"""Losses as small pure functions: they see logits and critics, and know nothing of networks or tasks."""
