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
}
