"""Control stores, each small and right by its own claims: what the kit holds against one is the kit's fault."""
