"""The conductor: joins the rooms, observes, and is the command line."""
