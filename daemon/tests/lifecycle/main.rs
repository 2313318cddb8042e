//! The rules of the token lifecycle, each as a table of short stories: see `story.rs` for how they are written.

mod answers;
mod backoff;
mod clocks;
mod crowd;
mod epochs;
mod expiry;
mod flight;
mod floor;
mod frequency;
mod local;
mod refresh;
mod refusal;
mod story;
mod view;
