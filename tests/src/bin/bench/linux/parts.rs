//! What is measured, part by part.

pub(crate) mod calls;
pub(crate) mod exchanges;
pub(crate) mod get;
pub(crate) mod growth;
pub(crate) mod idle;
pub(crate) mod many;
pub(crate) mod memory;
pub(crate) mod start;
