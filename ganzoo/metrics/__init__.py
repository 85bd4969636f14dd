"""Scores of generated images: what they are looked at through, what is measured, and what makes scores comparable."""
