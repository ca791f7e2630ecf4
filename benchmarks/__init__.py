"""What asv times: the IngestModule over `concurrency` and `test_size`, at any commit of the history."""
