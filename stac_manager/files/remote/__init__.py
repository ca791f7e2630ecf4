"""Sources far away: static catalogs and data files on HTTP, S3, Google Cloud Storage and Azure."""
