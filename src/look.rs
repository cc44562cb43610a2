//! What can be seen without a lock.
