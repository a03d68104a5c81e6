"""What several clients do the same way: password commands, marked blocks, programs on the search path."""
