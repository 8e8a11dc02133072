"""What a picture shows: pure functions of bytes and arrays."""
