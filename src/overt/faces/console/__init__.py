"""The console: pages for people, made on the server; islands of script only where something moves."""
