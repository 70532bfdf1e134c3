"""Where bytes lie: a folder or an object store, waited for where it does not answer."""
