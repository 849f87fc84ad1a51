"""Who is at the door: translate, call one service, translate back."""
