"""The world: one file a technology. Only `compose` names these."""
