"""What else can join such tables, each as its experts would write it."""
