"""Seventy small programs, what real file systems left of them after a crash, and a bench to run them again."""
