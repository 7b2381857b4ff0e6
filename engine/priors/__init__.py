"""What is known of scenes before any view of one: weights learnt beforehand, and what they are learnt from."""
