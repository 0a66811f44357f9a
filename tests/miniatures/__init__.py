"""Small stores that the probes are tried on: clean ones, and one for every way to break a requirement."""
