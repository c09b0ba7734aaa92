"""The rim: the only folder that imports ray. Each verb's plain parts live inside; here they meet Ray."""
