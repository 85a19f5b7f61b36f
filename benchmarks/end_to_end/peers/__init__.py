"""What else could do the job, each as its experts would write it."""
