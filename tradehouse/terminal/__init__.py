"""What people and programs see of a command: its wording, its progress, how it ends."""
