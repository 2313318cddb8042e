//! Lines that set a variable in a shell, with a value that no shell can take for anything else.

use std::{fmt, str::FromStr};

use thiserror::Error;

use super::{UnknownName, named};

/// A shell that evaluates the lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shell {
    /// POSIX sh, bash, zsh.
    Sh,
    /// fish.
    Fish,
    /// PowerShell.
    Powershell,
    /// Windows' cmd.
    Cmd,
}

/// A value that cannot be written for a shell.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error(
    "{variable} holds a character that {shell} cannot be given safely: use another --shell or another --format"
)]
pub(crate) struct QuoteError {
    variable: &'static str,
    shell: Shell,
}

impl Shell {
    /// Every one, by its name.
    pub(crate) const NAMES: [(Self, &'static str); 4] =
        [(Self::Sh, "sh"), (Self::Fish, "fish"), (Self::Powershell, "powershell"), (Self::Cmd, "cmd")];

    /// The shell that is meant where none is named.
    pub(crate) const DEFAULT: Self = if cfg!(windows) { Self::Powershell } else { Self::Sh };

    /// Appends the line that sets `variable` to `value`.
    ///
    /// # Errors
    /// [`QuoteError`] where the shell has no way to write the value.
    pub(super) fn assign(
        self,
        output: &mut Vec<u8>,
        variable: &'static str,
        value: &str,
    ) -> Result<(), QuoteError> {
        if value.contains(|c| self.is_unwritable(c)) {
            return Err(QuoteError { variable, shell: self });
        }
        let (before, between, after) = match self {
            Self::Sh => ("export ", "='", "'\n"),
            Self::Fish => ("set -gx ", " '", "'\n"),
            Self::Powershell => ("$env:", " = '", "'\n"),
            Self::Cmd => ("set \"", "=", "\"\r\n"),
        };
        [before, variable, between].iter().for_each(|part| output.extend_from_slice(part.as_bytes()));
        for byte in value.bytes() {
            match (self, byte) {
                (Self::Sh, b'\'') => output.extend_from_slice(br"'\''"),
                (Self::Fish, b'\'' | b'\\') => output.extend_from_slice(&[b'\\', byte]),
                (Self::Powershell, b'\'') => output.extend_from_slice(b"''"),
                _ => output.push(byte),
            }
        }
        output.extend_from_slice(after.as_bytes());
        Ok(())
    }

    /// Whether this shell gives `c` a meaning that no quotes take away.
    fn is_unwritable(self, c: char) -> bool {
        let special = match self {
            Self::Sh | Self::Fish => false,
            // Typographic quotation marks end a string as ' does.
            Self::Powershell => matches!(c, '\u{2018}'..='\u{201b}'),
            // %NAME% is replaced inside quotes too, !NAME! where delayed expansion is on.
            Self::Cmd => matches!(c, '"' | '%' | '!'),
        };
        special || c.is_control()
    }
}

impl FromStr for Shell {
    type Err = UnknownName;

    fn from_str(word: &str) -> Result<Self, UnknownName> {
        named(&Self::NAMES, word)
    }
}

impl fmt::Display for Shell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES.iter().find(|(shell, _)| shell == self).map_or("", |(_, name)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(shell: Shell, value: &str) -> Result<String, QuoteError> {
        let mut output = Vec::new();
        shell.assign(&mut output, "V", value)?;
        Ok(String::from_utf8(output).expect("text"))
    }

    #[test]
    fn a_value_is_quoted_as_its_shell_reads_it() {
        let value = r"a'b\c$(d) `e`;f";
        let cases = [
            (Shell::Sh, "export V='a'\\''b\\c$(d) `e`;f'\n"),
            (Shell::Fish, "set -gx V 'a\\'b\\\\c$(d) `e`;f'\n"),
            (Shell::Powershell, "$env:V = 'a''b\\c$(d) `e`;f'\n"),
            (Shell::Cmd, "set \"V=a'b\\c$(d) `e`;f\"\r\n"),
        ];
        for (shell, expected) in cases {
            assert_eq!(line(shell, value).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_a_shell_has_no_quotes_for_is_refused() {
        let cases = [
            (Shell::Cmd, "%PATH%"),
            (Shell::Cmd, "a\"&calc"),
            (Shell::Cmd, "!x!"),
            (Shell::Powershell, "a\u{2019};calc"),
            (Shell::Sh, "a\nb"),
            (Shell::Fish, "a\0"),
        ];
        for (shell, value) in cases {
            assert!(line(shell, value).is_err(), "{shell} {value:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_real_shell_gets_the_value_back() {
        use std::process::Command;
        let value = r#"it's \ $HOME $(id) `id` "x"; & | * # é"#;
        let script = line(Shell::Sh, value).expect("quotable") + "printf %s \"$V\"";
        let output = Command::new("/bin/sh").args(["-c", &script]).output().expect("a shell");
        assert_eq!(String::from_utf8_lossy(&output.stdout), value);
    }
}
