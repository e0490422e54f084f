"""Files on a disk or in S3 as destinations: how they are written, where they lie, and when an hour is over."""
