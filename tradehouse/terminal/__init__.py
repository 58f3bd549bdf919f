"""What people and programs see of a command: its words, its progress, how it ends."""
