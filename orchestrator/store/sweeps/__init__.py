"""What the store keeps of a sweep: its starts, the orders to it, who tracks which run."""
