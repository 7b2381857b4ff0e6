"""Images of the file that are learnt, and what is learnt of them as an image again."""
