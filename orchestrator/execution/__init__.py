"""Where trials run: Ray Tune, the cluster, the queue, and the watch over them."""
