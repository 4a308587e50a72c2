"""The JSON schemas that the image API also shows."""
