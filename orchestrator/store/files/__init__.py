"""Where bytes lie: a folder or a bucket, waited for where it does not answer."""
