//! What must last: SQLite; what may be lost: memory.
