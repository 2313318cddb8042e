//! What the units are, by systemd's own tools, and what they let a user do.
