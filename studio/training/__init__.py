"""How the starter models are made: data, training loops, export to ONNX, and the figures on their
cards."""
