//! The commands of `atmctl monitor`: how atmd is, and how it was.
