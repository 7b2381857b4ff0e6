"""The engine as a server: connections, sessions, jobs."""
