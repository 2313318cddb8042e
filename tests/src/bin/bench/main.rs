//! `tests/bench`: what `dt-cred` and its daemon cost, beside what they replace and beside what nothing can be cheaper than.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
use linux::main as bench;

/// There is none for this system.
#[cfg(not(target_os = "linux"))]
fn bench() -> std::process::ExitCode {
    eprintln!("bench: it reads proc(5) and compares with Debian's programs: run tests/bench on Linux");
    std::process::ExitCode::FAILURE
}

fn main() -> std::process::ExitCode {
    bench()
}
