"""What an instance runs at its first boot: the demo service, carried whole, under systemd."""

import base64
from pathlib import Path

import pulumi

LIMIT_BYTES = 16 * 1024  # EC2 user guide: "User data is limited to 16 KB, in raw form, before it is base64-encoded"
SERVICE_FILE = Path(__file__).parent / "service" / "app.py"
SCRIPT = """#!/bin/bash
set -euo pipefail
install -d /opt/blackstart-demo
cat > /opt/blackstart-demo/app.py <<'END_OF_SERVICE'
{service}END_OF_SERVICE
cat > /etc/systemd/system/blackstart-demo.service <<'END_OF_UNIT'
[Unit]
Description=Blackstart demo service
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=/usr/bin/python3 /opt/blackstart-demo/app.py
Environment=HOST=0.0.0.0 PORT={port}
DynamicUser=yes
# A crashed instance is replaced, not nursed: the load balancer sees the refused health checks, the scaling group brings
# a new instance. A restart here would hide the crash from both and from the alarms.
Restart=no

[Install]
WantedBy=multi-user.target
END_OF_UNIT
systemctl daemon-reload
systemctl enable --now blackstart-demo.service
"""


def user_data(service: str, port: int) -> str:
    """The boot script that installs a service's source text on a port.

    Raises pulumi.RunError above EC2's limit.
    """
    script = SCRIPT.format(service=service, port=port)
    size = len(script.encode())
    if size > LIMIT_BYTES:
        raise pulumi.RunError(f"the user data has {size} bytes, EC2 allows {LIMIT_BYTES}: shorten {SERVICE_FILE.name}")
    return script


def encoded_user_data(port: int) -> str:
    """The boot script of the demo service in base64, as a launch template wants it."""
    return base64.b64encode(user_data(SERVICE_FILE.read_text(), port).encode()).decode()
