"""Prepared catalogs: their schema and reader, cleaning of one record, attributes, quarantine, and the sample catalog drawn by code."""
