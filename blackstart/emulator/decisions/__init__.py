"""Pure decisions: frozen snapshot and `now_s` in, new state and a reason out."""
