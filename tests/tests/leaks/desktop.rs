//! A user of the desktop's keyring.

use dt_cred_tests::{parts::SecretService, user::User};

/// Somebody whose credentials are in a Secret Service, and that; none where there is none.
pub(crate) fn user() -> Option<(SecretService, User)> {
    let (service, mut user) = (SecretService::start()?, User::new("secret-service"));
    user.home.set("DBUS_SESSION_BUS_ADDRESS", service.address());
    Some((service, user))
}
