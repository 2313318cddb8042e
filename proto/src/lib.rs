//! What `dt-cred` and `dt-credd` say to each other. This page is the specification of the wire, version 1.
//!
//! # Transport
//! A Unix socket (Windows: a named pipe) at the place that [`endpoint::endpoint`] gives. Each side checks who is at
//! the other end before it uses a byte of a message: the daemon serves its own uid only, the client trusts only a
//! socket that its own uid or root listens on ([`platform::peer_uid`]).
//!
//! # Frames
//! A frame is `[version u8 = 1][length u32 little endian][body]`; these five bytes never change. The body is a
//! [`message::Request`] (at most 64 KiB) or a [`message::Response`] (at most 1 MiB) in bincode 2, standard
//! configuration, by way of serde: variable-length little-endian integers, a sequence or string preceded by its
//! length, an option by 0 or 1, an enum by the index of its variant.
//!
//! The length is checked before anything is allocated for it. A body must hold its message and nothing after it.
//!
//! # Exchanges
//! The client sends a request, the daemon one answer; any number of exchanges on one connection, answers in order.
//! Every request carries the time that its sender will wait, in milliseconds; the daemon answers before it has passed.
//!
//! | the daemon gets | it answers | and then |
//! | --- | --- | --- |
//! | a frame of another version | [`message::Response::Version`], in a frame of version 1 | closes |
//! | a variant that it does not know | [`message::Response::Unsupported`] | goes on |
//! | a body that is malformed, truncated, or with bytes after it | [`message::Response::Failed`] | closes |
//! | a length over the limit | [`message::Response::Failed`] | closes |
//!
//! Whoever a forwarded socket does not serve is told so by a [`message::Response::Failed`] before they ask, and the connection is
//! closed: a client that cannot send its request reads whether there is an answer all the same.
//!
//! # What is lent
//! A [`message::Operation::Lend`] is answered once its file is there. The file is kept fresh, and the daemon waits for the next
//! request without end, until the connection is closed by the last process that holds it; then the file is removed. Whoever was
//! lent one may ask for more on the same connection.
//!
//! # Compatibility
//! A released struct or variant never changes; a new need is a new variant at the end. The frames kept as files in
//! `proto/frames` are decoded and encoded again, byte for byte, by a test.

pub mod allocator;
pub mod attributes;
pub mod endpoint;
pub mod environment;
pub mod frame;
mod lengths;
pub mod log;
pub mod message;
pub mod panic;
pub mod profile;
pub mod secret;
pub mod text;
pub mod uuid;
pub mod vault;

#[cfg(unix)]
#[path = "unix.rs"]
pub mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
pub mod platform;
