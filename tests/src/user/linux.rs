//! Linux: where there is more than one keyring, tests say which one they mean.

use super::User;

impl User {
    /// One whose credentials are in the kernel keyring; none where the kernel permits none.
    pub fn in_kernel_keyring() -> Option<Self> {
        Self::in_keyring()
    }

    /// Whether the kernel keyring holds their credentials.
    pub fn is_in_kernel_keyring(&self) -> bool {
        self.is_in_keyring()
    }
}
