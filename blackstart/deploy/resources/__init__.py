"""One file for each AWS service: which Pulumi resources it has and the calls that create them."""
