//! What reads, checks and runs the recipes: tools of PyPI, with the schemas of those who will run them, and DataTrails' SDK.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::{Output, binaries, on_path, require, run};

/// The checkers, where `tests/run` installs them.
pub struct RecipeCheckers {
    packages: PathBuf,
}

impl RecipeCheckers {
    /// None where they are missing.
    ///
    /// # Panics
    /// Where this executable does not lie in cargo's target folder.
    pub fn find() -> Option<Self> {
        let packages = binaries::target().join("recipe-checkers");
        let present = on_path(&["python3"]) && packages.join("installed").is_file();
        require("Python with the packages of tests/recipe-checkers", present).then_some(Self { packages })
    }

    /// Where Python finds them, and the SDK of DataTrails beside them.
    pub fn packages(&self) -> &Path {
        &self.packages
    }

    /// The document in this file, by YAML 1.2.
    ///
    /// # Panics
    /// Where it is none.
    #[track_caller]
    pub fn yaml(&self, file: &Path) -> Value {
        let script = "import json, ruamel.yaml, sys\n\
            json.dump(ruamel.yaml.YAML(typ='safe', pure=True).load(open(sys.argv[1])), sys.stdout)";
        let json = run(self.python(["-c".as_ref(), script.as_ref(), file.as_os_str()]), "").done();
        serde_json::from_str(&json).expect("JSON")
    }

    /// Checks a workflow of GitHub Actions.
    #[track_caller]
    pub fn workflow(&self, file: &Path) -> Output {
        self.schema("vendor.github-workflows", file)
    }

    /// Looks for what in a workflow lets others in: what strangers wrote and a shell runs, actions named by what can be moved,
    /// rights that nobody needs.
    #[track_caller]
    pub fn audit(&self, file: &Path) -> Output {
        let mut zizmor = Command::new(self.packages.join("bin/zizmor"));
        // Nothing is asked of the network, and no configuration of whoever runs it counts.
        zizmor.args(["--offline", "--no-config", "--no-progress", "--color=never"]).arg(file);
        run(zizmor, "")
    }

    /// Checks a pipeline of GitLab CI/CD.
    #[track_caller]
    pub fn pipeline(&self, file: &Path) -> Output {
        self.schema("vendor.gitlab-ci", file)
    }

    /// Checks resources of Kubernetes; an unknown field is wrong.
    #[track_caller]
    pub fn kubernetes(&self, file: &Path) -> Output {
        let words = ["-m", "kubernetes_validate", "--strict"].map(OsStr::new);
        run(self.python(words.into_iter().chain([file.as_os_str()])), "")
    }

    /// Checks a Dockerfile and the shell in it.
    #[track_caller]
    pub fn dockerfile(&self, file: &Path) -> Output {
        let mut hadolint = Command::new(self.packages.join("bin/hadolint"));
        hadolint.args(["--no-color", "--config", "/dev/null"]).arg(file);
        run(hadolint, "")
    }

    /// Reads a script for PowerShell; each place where it is none is told in a line.
    #[track_caller]
    pub fn powershell(&self, script: &str) -> Output {
        let read = "import sys, tree_sitter, tree_sitter_powershell\n\
            language = tree_sitter.Language(tree_sitter_powershell.language())\n\
            nodes = [tree_sitter.Parser(language).parse(sys.stdin.buffer.read()).root_node]\n\
            for node in nodes:\n    \
                if node.is_error or node.is_missing: print(f'line {node.start_point.row + 1}: {node.type}')\n    \
                nodes.extend(node.children)\n";
        run(self.python(["-c", read].map(OsStr::new)), script)
    }

    #[track_caller]
    fn schema(&self, name: &str, file: &Path) -> Output {
        let words = ["-m", "check_jsonschema", "--builtin-schema", name].map(OsStr::new);
        run(self.python(words.into_iter().chain([file.as_os_str()])), "")
    }

    fn python<'a>(&self, arguments: impl IntoIterator<Item = &'a OsStr>) -> Command {
        let mut python = Command::new("python3");
        // Many tests start it at once: none writes what the others read.
        python.env("PYTHONPATH", &self.packages).env("PYTHONDONTWRITEBYTECODE", "1").args(arguments);
        python
    }
}
