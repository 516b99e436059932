//! Reads the CSV ledgers: those that atmd writes, and those that older tools wrote.
