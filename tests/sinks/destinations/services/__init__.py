"""Local servers that check requests as the services of audiences and contacts do, by their public contracts."""
