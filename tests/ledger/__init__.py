"""The ledger: its rules, its postings, its reading and its checking."""
