"""A package, so that its fixtures of scope "package" end with it: a browser that is driven synchronously leaves an asyncio loop behind."""
