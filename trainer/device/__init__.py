"""Where tensors lie and in what numbers: devices, precision, memory, transfers."""
