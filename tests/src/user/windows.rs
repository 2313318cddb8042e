//! Windows: what the Credential Manager holds of a user.

use super::User;

impl User {
    /// The item that the Credential Manager holds for them.
    ///
    /// # Panics
    /// Where it cannot be asked, or the item is no text.
    pub fn item(&self) -> Option<String> {
        self.profile.item()
    }

    /// Whether that item stays on this machine.
    pub fn item_is_local(&self) -> bool {
        self.profile.is_local()
    }
}
