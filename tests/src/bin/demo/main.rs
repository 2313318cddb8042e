//! `cargo demo`: the whole job, for real, in a temporary home. Tells what it does, and leaves nothing behind. `cargo demo full`
//! walks the guide before it as well, from an Owner's profile to assets.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
use linux::main as demo;

/// There is none for this system.
#[cfg(not(target_os = "linux"))]
fn demo() -> std::process::ExitCode {
    eprintln!(
        "demo: it shows the job with the kernel keyring of Linux; on this system follow the README's first login"
    );
    std::process::ExitCode::FAILURE
}

fn main() -> std::process::ExitCode {
    demo()
}
