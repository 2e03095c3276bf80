"""Backward passes of `manual` into buffers that are made once, a class for each,
made for the shapes of its arrays:

    attention_heads          MultiHeadAttention
    convolution              Conv2d
    embedding_cross_entropy  EmbeddingCrossEntropy
    norm                     LayerNorm, RMSNorm, BatchNorm, GroupNorm
    recurrent                LSTM

`forward` returns out, `backward(dout)` the gradients, in the order of the arrays,
of the forward pass before it. All that they return are buffers of the object,
which the next call of the same method overwrites, and a pass allocates nothing of
the size of an activation. No array of the caller is written to; those of `forward`
are read again by `backward`, and have to be as they were. Each object is for one
thread at a time. `import manual` does not read these files.
"""
