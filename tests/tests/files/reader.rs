//! Somebody who reads tokens from files.

use std::{fs, path::PathBuf};

use dt_cred_tests::{
    parts::{private_folder, until, wait::until_changed},
    user::User,
};
use serde_json::Value;

/// A user whose configuration names a file, which lies in a folder that is there already and private.
pub(crate) struct Reader {
    pub(crate) user: User,
    pub(crate) folder: PathBuf,
}

impl Reader {
    /// Whoever reads `~/tokens/token`.
    pub(crate) fn new(user: User) -> Self {
        let folder = user.home.path().join("tokens");
        private_folder(&folder);
        let reader = Self { user, folder };
        reader.configure(&["path = \"~/tokens/token\""]);
        reader
    }

    /// Has the configuration name these files instead.
    pub(crate) fn configure(&self, files: &[&str]) {
        let profile = self.user.profile();
        let files = files.iter().map(|file| format!("[[profile.{profile}.file]]\n{file}\n"));
        self.user.home.configure(&files.collect::<String>());
    }

    /// The file.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join("token")
    }

    /// Waits until the file holds this line.
    pub(crate) fn until(&self, line: &str) {
        until_changed(&self.folder, "the file to hold the token", || {
            fs::read_to_string(self.path()).ok().filter(|text| text == line)
        });
    }

    /// Waits until there is nothing in the folder but these names.
    pub(crate) fn until_only(&self, names: &[&str]) {
        until_changed(&self.folder, "the file to go", || (self.names() == names).then_some(()));
    }

    /// Everything that lies in the folder.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }

    /// What `status` says of the first file.
    pub(crate) fn status(&self) -> Value {
        let text = self.user.dt_cred(&["status", "--json"]).done();
        let status: Value = serde_json::from_str(&text).expect("JSON");
        status["files"][0].clone()
    }

    /// Waits until `status` tells an error, and then none any more.
    pub(crate) fn error(&self) -> String {
        let error =
            until("an error in status", || self.status()["error"]["message"].as_str().map(str::to_owned));
        assert!(error.contains(self.user.profile()), "{error}");
        error
    }
}

/// The line that holds a token.
pub(crate) fn header(token: &str) -> String {
    format!("Authorization: Bearer {token}\n")
}
