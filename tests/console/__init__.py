"""The console in a real browser. A package, so that Overt and the browser end with its last test: another test's event loop cannot run beside Playwright's."""
