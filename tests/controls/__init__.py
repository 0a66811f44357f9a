"""Control stores: each small, each right by its own claims, so whatever the kit holds against one is the kit's fault."""
