"""One file per fault, and the contract they share."""
