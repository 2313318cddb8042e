//! Rows of cells for people, each column as wide as its widest cell.

/// The rows, one a line.
pub(crate) fn align(rows: &[impl AsRef<[String]>]) -> String {
    painted(&rows.iter().map(AsRef::as_ref).collect::<Vec<_>>(), &|_, _, cell| cell)
}

/// [`align`], each cell painted: row, column, and what is painted. What makes it as wide as its column is not, and so
/// no line ends in it.
pub(crate) fn painted(rows: &[&[String]], paint: &dyn Fn(usize, usize, String) -> String) -> String {
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
            let missing = width.unwrap_or(0) - cell.chars().count();
            line.push_str(if column == 0 { "" } else { "  " });
            line.push_str(&paint(at, column, cell.clone()));
            line.push_str(&" ".repeat(missing));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
