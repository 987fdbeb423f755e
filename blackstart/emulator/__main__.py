"""`python -m blackstart.emulator`: the emulator, until it is told to end."""

import sys

from blackstart.emulator.main import main

if __name__ == "__main__":
    sys.exit(main())
