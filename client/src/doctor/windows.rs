//! Windows: the pipe, which has no file to look at. Whose it is, is seen when it is connected to.

use super::Check;
use crate::settings::Settings;

/// The pipe's name.
pub(super) fn socket(settings: &Settings) -> Check {
    Check::ok("pipe", settings.endpoint.path.display().to_string())
}
