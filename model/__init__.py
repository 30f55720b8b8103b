"""Music in, music out: scores, representation, network, training, generation."""

import os

# Batches come in hundreds of shapes, and oneDNN keeps 1,024 compiled kernels with their buffers unless it is
# told otherwise before its first use: a gigabyte in a run of 350 steps, which is no faster for it.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
