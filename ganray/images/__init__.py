"""Images: the codec between bytes, uint8 and float; transforms; labels of generated and edited images; the sandbox for decoders."""
