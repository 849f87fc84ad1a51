"""The law table: one readable file a jurisdiction."""
