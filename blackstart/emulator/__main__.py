"""`python -m blackstart.emulator`: the emulator, until it is told to end."""

import gc
import sys

from blackstart.emulator.main import main

if __name__ == "__main__":
    exit_code = main()
    gc.freeze()  # everything is closed; collecting moto's million objects would take most of a second more
    sys.exit(exit_code)
