"""`cqar import` and `cqar review`: the words of the command line. What they do is imported when they run."""
