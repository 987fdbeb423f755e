"""DEPLOY: runs an unmodified Pulumi program against one endpoint, each resource as the boto3 call it stands for.

Create-only: it is not a Pulumi engine, keeps no state, updates and deletes nothing. And strict: what it does not know
it refuses by name, so that a rehearsal never runs on a stack that silently lacks something.
"""
