//! Rows of cells for people, each column as wide as its widest cell.

/// The rows, one a line.
pub(crate) fn align<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    painted(rows, |_, _, cell| cell)
}

/// [`align`], each cell painted once it is as wide as its column: row, column, and what is painted.
pub(crate) fn painted<const COLUMNS: usize>(
    rows: &[[String; COLUMNS]],
    paint: impl Fn(usize, usize, String) -> String,
) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let line = |(at, row): (usize, &[String; COLUMNS])| {
        let cells = row.iter().zip(widths).enumerate();
        let cells: Vec<_> =
            cells.map(|(column, (cell, width))| paint(at, column, format!("{cell:width$}"))).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().enumerate().map(line).collect()
}
