"""What both interfaces share: transactions, callers, problems, paging, and what is seen from outside."""
