"""What else reads such files, each as its experts would use it."""
