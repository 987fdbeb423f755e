"""Everything the emulator touches: moto's backends, processes, sockets, the clock."""
