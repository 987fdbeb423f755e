"""One checker a file; `judgement/registry.py` names them all and says how to add one."""
