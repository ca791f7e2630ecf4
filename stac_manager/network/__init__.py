"""What API mode and remote files share: how servers are reached, who asks, and when to ask again."""
