"""The API: the console's rooms as JSON, for programs and for `overt --server`. OpenAPI 3.1 at /api/openapi.json."""
