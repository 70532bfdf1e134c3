"""What those who change the project use: its documentation as a site, pictures, and what its tests
reach. None of it is installed."""
