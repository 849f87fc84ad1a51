"""What is right: law, consent, telling, custody. Pure values in, values out. One reader: the lawyer."""
