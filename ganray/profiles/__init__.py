"""Marketplace rules as versioned data, and their checker."""
