"""The programme, its organisations and its funds: where credits come from."""
