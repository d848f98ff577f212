"""Long runs that CI does not wait for."""
