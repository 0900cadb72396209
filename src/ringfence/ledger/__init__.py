"""The ledger room: accounts, and the postings that move money between them."""
