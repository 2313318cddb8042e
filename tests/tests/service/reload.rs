//! A service that is told to reload.
