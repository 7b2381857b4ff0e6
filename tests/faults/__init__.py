"""What must not be lost, silent or frozen, whatever happens. Long attacks are marked ``faults``, and counted."""
