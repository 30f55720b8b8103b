"""What was trained on, and how is that shown?"""
