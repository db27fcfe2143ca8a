"""Mail: outbox, rendering, delivery, suppression, preferences."""
