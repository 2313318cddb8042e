//! The sandbox issuer and the real parts that the tests run.
