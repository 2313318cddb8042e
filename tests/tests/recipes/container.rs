//! A container of the Dockerfile's image, without an engine: the same namespaces, the file system that its last stage
//! describes, its environment, user and entry point. The base image's programs are this machine's.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, process::Command};

use dt_cred_tests::parts::{Output, Running, on_path, require, root, run};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{install, recipe, repository};

/// Where a container's own programs are looked for, as engines set it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Makes the root folder in which the image's own steps follow: this machine's programs, read-only, and no more.
const BASE: &str = r#"
set -eu
mount -t tmpfs -o mode=0755 tmpfs "$ROOT"
cd "$ROOT"
mkdir proc dev etc usr run
mkdir -m 1777 tmp
mount --bind /usr usr
mount -o remount,bind,ro usr
for folder in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$folder" ]; then cp -P "/$folder" .
  elif [ -d "/$folder" ]; then mkdir "$folder"; mount --bind "/$folder" "$folder"; mount -o remount,bind,ro "$folder"
  fi
done
mount -t tmpfs -o mode=0755 tmpfs usr/local
mkdir usr/local/bin
mount -t proc proc proc
for device in null zero random urandom; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
"#;

/// What the Dockerfile makes.
struct Image {
    /// Shell lines that do what its last stage does, in `$ROOT`.
    steps: String,
    environment: BTreeMap<String, String>,
    user: String,
    entry_point: Vec<String>,
}

impl Image {
    /// The image of the recipe, of the programs in `$BUILT`.
    fn read() -> Self {
        let text = fs::read_to_string(recipe("Dockerfile")).expect("a Dockerfile");
        let lines: String = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .fold(String::new(), |all, line| all + line + "\n");
        let lines = lines.replace("\\\n", " ");
        let last = lines.rfind("\nFROM ").map(|start| &lines[start + 1..]).expect("stages");
        let mut image = Self {
            steps: String::new(),
            environment: BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]),
            user: "0:0".to_owned(),
            entry_point: Vec::new(),
        };
        for line in last.lines().skip(1).filter(|line| !line.is_empty()) {
            image.instruction(line);
        }
        image
    }

    fn instruction(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').expect("an instruction and its arguments");
        match word {
            // The packages are this machine's.
            "RUN" if rest.starts_with("apt-get ") => {}
            "RUN" => writeln!(self.steps, "chroot . sh -c {}", quoted(rest)).expect("a String takes it"),
            "COPY" => {
                let built = rest.strip_prefix("--from=build ");
                let words: Vec<_> = built.unwrap_or(rest).split(' ').collect();
                let (to, from) = words.split_last().expect("a destination");
                for path in from {
                    let from = match built.map(|_| Path::new(path).file_name().expect("a name")) {
                        Some(program) => format!("\"$BUILT\"/{}", program.display()),
                        None => quoted(&repository().join(path).display().to_string()),
                    };
                    writeln!(self.steps, "cp -p {from} .{to}").expect("a String takes it");
                }
            }
            "ENV" => {
                let (name, value) = rest.split_once('=').expect("NAME=VALUE");
                self.environment.insert(name.to_owned(), value.to_owned());
            }
            "USER" => self.user = rest.to_owned(),
            "ENTRYPOINT" => self.entry_point = serde_json::from_str(rest).expect("a list"),
            "CMD" => {
                serde_json::from_str::<Vec<String>>(rest).expect("a list");
            }
            other => panic!("{other} is more than this engine understands"),
        }
    }
}

/// A container that will run.
pub(crate) struct Container {
    image: Image,
    /// Shell lines that mount what is mounted.
    mounts: String,
    /// Further groups of its process.
    groups: Vec<u32>,
    read_only: bool,
    /// With the folder that its root is mounted on, and the programs.
    folder: TempDir,
}

impl Container {
    /// One of the recipe's image, of which the root is read-only; none where the machine permits none.
    pub(crate) fn new() -> Option<Self> {
        if !root("a container") {
            return None;
        }
        let mut probe = Command::new("unshare");
        probe.args(["--mount", "--pid", "--fork", "true"]);
        let here = on_path(&["unshare", "setpriv", "chroot", "curl"]) && run(probe, "").code == Some(0);
        if !require("unshare with mount and process namespaces, setpriv, curl", here) {
            return None;
        }
        let folder = tempfile::Builder::new().prefix("dtc-").tempdir().expect("a folder");
        install(&folder.path().join("built"));
        fs::create_dir(folder.path().join("root")).expect("a folder");
        let mut image = Image::read();
        // What engines set for a user without a line in /etc/passwd.
        image.environment.insert("HOME".to_owned(), "/".to_owned());
        // Many daemons and issuers share the machine with this one.
        image.environment.insert("DT_CRED_TIMEOUT".to_owned(), "60".to_owned());
        Some(Self { image, mounts: String::new(), groups: Vec::new(), read_only: true, folder })
    }

    /// Sets a variable of its environment.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.image.environment.insert(name.to_owned(), value.to_owned());
    }

    /// Takes a variable of its environment away.
    pub(crate) fn unset(&mut self, name: &str) {
        self.image.environment.remove(name);
    }

    /// Runs it as another user than the image's, `UID:GID`.
    pub(crate) fn set_user(&mut self, user: &str) {
        user.clone_into(&mut self.image.user);
    }

    /// Runs this in place of the image's entry point.
    pub(crate) fn set_entry_point(&mut self, words: Vec<String>) {
        self.image.entry_point = words;
    }

    /// Adds a group to its process's.
    pub(crate) fn add_group(&mut self, group: u32) {
        self.groups.push(group);
    }

    /// Lets its root be written to by whom its modes permit.
    pub(crate) fn set_writable(&mut self) {
        self.read_only = false;
    }

    /// Mounts an empty file system in memory, of this mode.
    pub(crate) fn mount_memory(&mut self, path: &str, options: &str) {
        writeln!(self.mounts, "mkdir -p .{path}\nmount -t tmpfs -o {options} tmpfs .{path}")
            .expect("a String takes it");
    }

    /// Mounts a file with this text and mode, its user's own.
    pub(crate) fn mount_file(&mut self, path: &str, text: &str, mode: &str) {
        let name = format!("file{}", self.mounts.len());
        fs::write(self.folder.path().join(&name), text).expect("written");
        writeln!(
            self.mounts,
            "file=\"$ROOT\"/../{name}\nchown {} \"$file\"\nchmod {mode} \"$file\"\nmkdir -p .{path}\nrmdir .{path}\n\
             touch .{path}\nmount --bind \"$file\" .{path}",
            self.image.user
        )
        .expect("a String takes it");
    }

    /// Mounts a folder of the machine's.
    pub(crate) fn mount_folder(&mut self, path: &str, folder: &Path, is_read_only: bool) {
        let folder = quoted(&folder.display().to_string());
        writeln!(self.mounts, "mkdir -p .{path}\nmount --bind {folder} .{path}").expect("a String takes it");
        if is_read_only {
            writeln!(self.mounts, "mount -o remount,bind,ro .{path}").expect("a String takes it");
        }
    }

    /// Mounts a secret as the kubelet does: files of this mode and group behind a link that it can replace at once.
    pub(crate) fn mount_secret(&mut self, path: &str, files: &[(&str, &str)], mode: u32, group: u32) {
        self.mount_memory(path, "mode=0777");
        let write = |text: &mut String| {
            writeln!(text, "mkdir .{path}/..2026_01_01\nln -s ..2026_01_01 .{path}/..data")?;
            for (name, content) in files {
                writeln!(text, "printf %s {} >.{path}/..data/{name}", quoted(content))?;
                writeln!(text, "ln -s ..data/{name} .{path}/{name}")?;
                writeln!(text, "chmod {mode:o} .{path}/..data/{name}")?;
            }
            writeln!(
                text,
                "chown -R 0:{group} .{path}\nchmod 3777 .{path}\nchmod 2755 .{path}/..2026_01_01"
            )?;
            writeln!(text, "mount -o remount,ro .{path}")
        };
        write(&mut self.mounts).expect("a String takes it");
    }

    /// Runs it to its end with these arguments of its entry point.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[impl AsRef<str>]) -> Output {
        run(self.engine(arguments), "")
    }

    /// The same, to run along with the test.
    #[track_caller]
    pub(crate) fn start(&self, arguments: &[impl AsRef<str>]) -> Started {
        Started(Running::start(self.engine(arguments), ""))
    }

    fn engine(&self, arguments: &[impl AsRef<str>]) -> Command {
        let Image { steps, environment, user, entry_point } = &self.image;
        let read_only =
            if self.read_only { "mount -o remount,ro usr/local\nmount -o remount,ro .\n" } else { "" };
        let (uid, gid) = user.split_once(':').expect("UID:GID");
        assert_ne!(uid, "0", "nobody is root in it");
        let groups: Vec<_> = self.groups.iter().map(u32::to_string).collect();
        let groups = if groups.is_empty() {
            "--clear-groups".to_owned()
        } else {
            format!("--groups {}", groups.join(","))
        };
        // Neither shell nor unshare stays: what the entry point becomes is the first process of its namespace.
        let become_it = format!(
            "exec chroot . setpriv --reuid {uid} --regid {gid} {groups} --no-new-privs --bounding-set=-all --inh-caps=-all -- \
             env --unset=ROOT --unset=BUILT --unset=PWD --unset=OLDPWD \"$@\""
        );
        let script = [BASE, steps, &self.mounts, read_only, &become_it].concat();
        let mut engine = Command::new("unshare");
        engine.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", &script, "sh"]);
        engine.args(entry_point).args(arguments.iter().map(AsRef::as_ref));
        engine.env_clear().envs(environment);
        engine.env("ROOT", self.folder.path().join("root")).env("BUILT", self.folder.path().join("built"));
        engine
    }
}

/// A container that runs along with the test, and is ended with all that is in it on drop.
pub(crate) struct Started(pub(crate) Running);

impl Started {
    /// Ends it as an engine would that has no time.
    pub(crate) fn kill(&mut self) {
        // With its first process all of it goes. It is no longer killed with its parent once it has changed its user.
        let engine = self.0.pid().as_raw_nonzero();
        let children = fs::read_to_string(format!("/proc/{engine}/task/{engine}/children"));
        let first = children.ok().and_then(|children| children.split_whitespace().next()?.parse().ok());
        if let Some(first) = first.and_then(Pid::from_raw) {
            let _ = kill_process(first, Signal::KILL);
            self.0.wait();
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A word as the shell reads it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A value's text.
#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
