//! DataTrails' integrations and access policies with real programs: no secret is seen, and nothing is left unsaid.

#[cfg(target_os = "linux")]
mod creation;
#[cfg(target_os = "linux")]
mod ending;
mod guide;
#[cfg(target_os = "linux")]
mod keyrings;
#[cfg(target_os = "linux")]
mod killed;
#[cfg(target_os = "linux")]
mod lists;
#[cfg(target_os = "linux")]
mod refusals;
#[cfg(target_os = "linux")]
mod rotation;
#[cfg(target_os = "linux")]
mod tenancy;
