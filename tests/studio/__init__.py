"""A package, so that its fixtures of scope "package" end with it: a browser that is driven synchronously leaves no asyncio to other tests."""
