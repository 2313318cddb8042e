//! A screen of which only the text matters.

/// What a console shows from its top down to the cursor that was sent this: text, and sequences that move the cursor and
/// erase. All others are passed over (ECMA-48; "Console Virtual Terminal Sequences").
pub(super) fn shown(sent: &[u8]) -> String {
    let text = String::from_utf8_lossy(sent);
    let mut rows: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0_usize, 0_usize);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\r' => column = 0,
            '\n' => row += 1,
            '\x08' => column = column.saturating_sub(1),
            '\x1b' => match rest.next() {
                Some('[') => {
                    let (mut parameters, mut last) = (String::new(), None);
                    for c in rest.by_ref() {
                        if ('\x40'..='\x7e').contains(&c) {
                            last = Some(c);
                            break;
                        }
                        parameters.push(c);
                    }
                    let number = |at: usize, default: usize| {
                        parameters.split(';').nth(at).and_then(|n| n.parse().ok()).unwrap_or(default)
                    };
                    match last {
                        Some('A') => row = row.saturating_sub(number(0, 1)),
                        Some('B') => row += number(0, 1),
                        Some('C') => column += number(0, 1),
                        Some('D') => column = column.saturating_sub(number(0, 1)),
                        Some('G') => column = number(0, 1) - 1,
                        Some('H') => (row, column) = (number(0, 1) - 1, number(1, 1) - 1),
                        Some('J') if number(0, 0) >= 2 => rows.clear(),
                        Some('J') => {
                            rows.truncate(row + 1);
                            rows[row].truncate(column);
                        }
                        Some('K') => rows[row].truncate(column),
                        Some('X') => {
                            let end = rows[row].len().min(column + number(0, 1));
                            rows[row].get_mut(column..end).unwrap_or_default().fill(' ');
                        }
                        _ => {}
                    }
                }
                // A title, which may hold a path, up to BEL or ESC and a backslash.
                Some(']') => {
                    let mut before = '\0';
                    let _ = rest.by_ref().find(|c| {
                        let ends = *c == '\x07' || (before == '\x1b' && *c == '\\');
                        before = *c;
                        ends
                    });
                }
                _ => {}
            },
            c if c.is_control() => {}
            c => {
                let line = &mut rows[row];
                if line.len() <= column {
                    line.resize(column + 1, ' ');
                }
                line[column] = c;
                column += 1;
            }
        }
        if rows.len() <= row {
            rows.resize(row + 1, Vec::new());
        }
    }
    let mut text = String::new();
    for line in &rows[..row] {
        text.push_str(line.iter().collect::<String>().trim_end());
        text.push_str("\r\n");
    }
    rows[row].resize(column, ' ');
    text.extend(&rows[row]);
    text
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn what_is_shown_ends_where_the_cursor_stands() {
        for (sent, expected) in [
            ("", ""),
            ("\x1b[2J\x1b[m\x1b[H\x1b[?25lId:\x1b[K\x1b[1C\x1b[?25h", "Id: "),
            ("a\r\nb: ", "a\r\nb: "),
            ("\x1b]0;dt-cred\x07a\r\n\r\nb", "a\r\n\r\nb"),
            ("\x1b]0;C:\\a\\b.exe\x07x", "x"),
            ("\x1b]0;C:\\a\\b.exe\x1b\\x", "x"),
            ("abc\x08\x08\x1b[K", "a"),
            ("abc\r", ""),
            ("abc\x1b[1G\x1b[2X\x1b[3C", "  c"),
            ("a \x1b[3;2Hb\x1b[1A", "a\r\n  "),
            ("a\x1b[2", "a"),
        ] {
            assert_eq!(shown(sent.as_bytes()), expected, "{sent:?}");
        }
    }
}
