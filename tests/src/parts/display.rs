//! A display that nobody sees, on which a keyring's windows are answered.

use std::process::Command;

use super::{Output, Running, on_path, require, run, until};

/// A real X server without a screen. It is killed on drop, and whatever is shown on it ends with it.
pub struct Display {
    _server: Running,
    name: String,
}

impl Display {
    /// One with nothing on it; `None` where the programs are missing.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start() -> Option<Self> {
        if !require("xvfb and xdotool", on_path(&["Xvfb", "xdotool"])) {
            return None;
        }
        let mut server = Command::new("Xvfb");
        // It takes a number that is free, and says which once it listens.
        server.args(["-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp"]);
        let server = Running::start(server, "");
        let name = format!(":{}", server.first_line());
        Some(Self { _server: server, name })
    }

    /// Its name, as `DISPLAY` has it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits until a window of this title is shown, types `text` into it and presses `keys`.
    ///
    /// # Panics
    /// Where none comes.
    pub fn answer(&self, title: &str, text: &str, keys: &[&str]) {
        let window = until(&format!("a window of the title {title:?}"), || {
            let found = self.xdotool(&["search", "--onlyvisible", "--name", title]);
            found.stdout.lines().next().map(str::to_owned)
        });
        self.xdotool(&["windowfocus", "--sync", &window]).done();
        if !text.is_empty() {
            self.xdotool(&["type", text]).done();
        }
        self.xdotool(&[&["key"], keys].concat()).done();
    }

    /// Whether a window of this title is shown.
    pub fn shows(&self, title: &str) -> bool {
        self.xdotool(&["search", "--onlyvisible", "--name", title]).code == Some(0)
    }

    fn xdotool(&self, arguments: &[&str]) -> Output {
        let mut xdotool = Command::new("xdotool");
        xdotool.env("DISPLAY", &self.name).args(arguments);
        run(xdotool, "")
    }
}
