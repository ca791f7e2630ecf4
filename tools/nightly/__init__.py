"""What `nightly` is made of: which commits, how they are measured, where results are kept, what is said."""
