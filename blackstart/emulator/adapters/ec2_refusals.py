"""Errors of the EC2 API for requests that AWS refuses."""


def refused(code: str, message: str) -> Exception:
    """An error that moto answers a request with."""
    from moto.ec2.exceptions import EC2ClientError

    error: Exception = EC2ClientError(code, message)
    return error
