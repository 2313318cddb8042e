//! The readers of `dt-cred` for text that others wrote, and the writers of its answers to them.
//!
//! Pure: each takes bytes and gives a value or a precise error; none reads a file, a clock or an environment, and none
//! panics, whatever it is given. The program `dt-cred` is made of them, and fuzz targets and tests reach them here.

pub mod bearer;
pub mod curl_answer;
pub mod curl_line;
pub mod git;
mod json;
pub mod jwt;
pub mod kubectl;
pub mod moment;
pub mod origin;
