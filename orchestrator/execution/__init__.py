"""Running trials: the work itself (`work`), and Ray, which spreads it (`cluster`, `tuning`)."""
