"""A ledger of Time Credits: earn an hour, spend an hour, or be prescribed the first one."""
