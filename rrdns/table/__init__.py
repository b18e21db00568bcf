"""The room of compiled answers: rotation, snapshots, tables and what executes them (floor 2)."""
