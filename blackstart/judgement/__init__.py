"""Pure checkers: journal and recording in, verdict out."""
