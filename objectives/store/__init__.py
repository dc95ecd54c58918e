"""A produce-once store of arrays that processes share."""
