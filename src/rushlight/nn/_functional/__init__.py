"""The functions of ``nn.functional``, by family; import them from there."""
