"""Reading and writing of checkpoint files; `rushlight.serialization` is the public face."""
