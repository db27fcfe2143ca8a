"""Support that is paid elsewhere: as another platform's export last told it."""
