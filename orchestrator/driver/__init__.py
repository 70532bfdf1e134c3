"""One start of a sweep: checks before anything is written, the run, its results, the tracker."""
