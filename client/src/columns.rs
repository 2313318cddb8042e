//! Rows of cells for people, each column as wide as its widest cell.

use std::fmt::Write;

/// The rows, one a line.
pub(crate) fn align<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        // A String takes everything.
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    text
}
