//! The sandbox issuer by itself.

fn main() {}
