"""One trained model explained on some images: what it looks at, and how attacks change them."""
