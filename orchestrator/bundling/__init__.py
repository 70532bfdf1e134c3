"""A sweep in one archive for a reviewer, who need not know whose it is."""
