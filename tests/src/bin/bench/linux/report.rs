//! What a part has measured: tables of typed cells, as JSON for programs and as Markdown for people.

use std::fmt;

use anyhow::{Context, Result};
use serde::Serialize;

use super::statistics::Spread;

/// What one part measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// What must be reached, and what was.
    pub(crate) goals: Vec<Goal>,
    /// Everything else.
    pub(crate) tables: Vec<Table>,
}

/// One thing that must be reached.
#[derive(Debug, Serialize)]
pub(crate) struct Goal {
    what: &'static str,
    limit: Limit,
    /// None where what it is compared with is not here.
    measured: Option<f64>,
}

/// How far something may go.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    /// So much or less.
    AtMost(f64),
    /// So much or more.
    AtLeast(f64),
}

impl Goal {
    /// `what`, which is to keep within `limit`.
    pub(crate) fn new(what: &'static str, limit: Limit, measured: Option<f64>) -> Self {
        Self { what, limit, measured }
    }

    fn row(&self) -> String {
        let (wanted, reached) = match self.limit {
            Limit::AtMost(limit) => (format!("≤ {}", Number(limit)), self.measured.map(|is| is <= limit)),
            Limit::AtLeast(limit) => (format!("≥ {}", Number(limit)), self.measured.map(|is| is >= limit)),
        };
        let measured = self.measured.map_or("not here".to_owned(), |is| Number(is).to_string());
        let reached = reached.map_or("", |reached| if reached { "yes" } else { "**no**" });
        format!("| {} | {wanted} | {measured} | {reached} |\n", self.what)
    }
}

/// A table of one part.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) title: &'static str,
    /// What is to be known about it.
    pub(crate) note: &'static str,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<(String, Vec<Cell>)>,
}

/// One value, which knows what it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cell {
    /// Nothing, as where something would be compared with itself.
    Nothing,
    /// How many times as much as something else.
    Ratio(Spread),
    /// Seconds.
    Seconds(Spread),
    /// So many in a second.
    PerSecond(Spread),
    /// A size.
    Bytes(u64),
    /// A number of things.
    Count(f64),
}

impl fmt::Display for Cell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => write!(formatter, "–"),
            Self::Ratio(Spread { low, median, high }) => {
                write!(formatter, "{} ({}–{})", Number(*median), Number(*low), Number(*high))
            }
            Self::Seconds(spread) => write!(formatter, "{}", InUnits(*spread)),
            Self::PerSecond(Spread { low, median, high }) => {
                write!(formatter, "{median:.0} ({low:.0}–{high:.0})")
            }
            Self::Bytes(bytes) if *bytes < 10_000 => write!(formatter, "{bytes} B"),
            Self::Bytes(bytes) => write!(formatter, "{} KB", Number(*bytes as f64 / 1e3)),
            Self::Count(count) => write!(formatter, "{}", Number(*count)),
        }
    }
}

/// A number with three digits that count, or all of a whole part that has more.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number) = *self;
        let digits = match number.abs() {
            _ if number.fract() == 0.0 => 0,
            size if size >= 100.0 => 0,
            size if size >= 10.0 => 1,
            size if size >= 1.0 => 2,
            size if size >= 0.1 => 3,
            _ => 4,
        };
        write!(formatter, "{number:.digits$}")
    }
}

/// A time in the unit that its median has.
struct InUnits(Spread);

impl fmt::Display for InUnits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Spread { low, median, high }) = *self;
        let (unit, factor) = match median.abs() {
            median if median < 1e-3 => ("µs", 1e6),
            median if median < 1.0 => ("ms", 1e3),
            _ => ("s", 1.0),
        };
        if low == high {
            return write!(formatter, "{} {unit}", Number(median * factor));
        }
        let [low, median, high] = [low, median, high].map(|seconds| Number(seconds * factor));
        write!(formatter, "{median} {unit} ({low}–{high})")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "### {}\n\n{}\n", self.title, self.note)?;
        writeln!(formatter, "| | {} |", self.columns.join(" | "))?;
        writeln!(formatter, "| --- |{}", " --- |".repeat(self.columns.len()))?;
        for (what, cells) in &self.rows {
            let cells: Vec<_> = cells.iter().map(Cell::to_string).collect();
            writeln!(formatter, "| {what} | {} |", cells.join(" | "))?;
        }
        Ok(())
    }
}

/// Every goal in one table, then every other table.
pub(crate) fn markdown<'a>(reports: impl Iterator<Item = &'a Report> + Clone) -> String {
    let mut text = "| | wanted | measured | reached |\n| --- | --- | --- | --- |\n".to_owned();
    text.extend(reports.clone().flat_map(|report| &report.goals).map(Goal::row));
    let tables = reports.flat_map(|report| &report.tables).filter(|table| !table.rows.is_empty());
    text.extend(tables.map(|table| format!("\n{table}")));
    text
}

/// The lines between which a page holds what was measured.
const MARKS: [&str; 2] = ["<!-- tests/bench --write writes from here -->\n", "<!-- to here -->\n"];

/// `page` with `text` between its marks, in place of what was there.
pub(crate) fn within_marks(page: &str, text: &str) -> Result<String> {
    let [from, to] = MARKS;
    let (before, rest) = page.split_once(from).with_context(|| format!("a line {from:?} is missing"))?;
    let (_, after) = rest.split_once(to).with_context(|| format!("a line {to:?} is missing"))?;
    Ok(format!("{before}{from}{text}{to}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(low: f64, median: f64, high: f64) -> Spread {
        Spread { low, median, high }
    }

    #[test]
    fn a_value_is_told_in_the_unit_that_fits_it_with_three_digits() {
        let cases = [
            (Cell::Nothing, "–"),
            (Cell::Ratio(spread(0.9, 1.234, 12.34)), "1.23 (0.900–12.3)"),
            (Cell::Seconds(spread(0.0009, 0.000_95, 0.0011)), "950 µs (900–1100)"),
            (Cell::Seconds(spread(0.0112, 0.0123, 0.02)), "12.3 ms (11.2–20)"),
            (Cell::Seconds(spread(2.0, 2.5, 3.0)), "2.50 s (2–3)"),
            (Cell::Seconds(spread(0.0, 0.0, 0.0)), "0 µs"),
            (Cell::PerSecond(spread(9.6, 12_345.6, 20_000.0)), "12346 (10–20000)"),
            (Cell::Bytes(900), "900 B"),
            (Cell::Bytes(5_500_400), "5500 KB"),
            (Cell::Count(0.0), "0"),
            (Cell::Count(0.25), "0.250"),
        ];
        for (cell, told) in cases {
            assert_eq!(cell.to_string(), told);
        }
    }

    #[test]
    fn what_is_not_reached_is_seen_at_once_and_what_is_not_here_is_not_called_reached() {
        let goals = [
            Goal::new("a", Limit::AtMost(1.15), Some(1.15)),
            Goal::new("b", Limit::AtMost(1.15), Some(1.16)),
            Goal::new("c", Limit::AtLeast(0.7), Some(0.7)),
            Goal::new("d", Limit::AtLeast(0.7), Some(0.5)),
            Goal::new("e", Limit::AtMost(1.0), None),
            Goal::new("f", Limit::AtMost(1.0), Some(f64::NAN)),
        ];
        let rows: String = goals.iter().map(Goal::row).collect();
        assert_eq!(
            rows,
            "| a | ≤ 1.15 | 1.15 | yes |\n| b | ≤ 1.15 | 1.16 | **no** |\n| c | ≥ 0.700 | 0.700 | yes |\n\
             | d | ≥ 0.700 | 0.500 | **no** |\n| e | ≤ 1 | not here |  |\n| f | ≤ 1 | NaN | **no** |\n"
        );
    }

    #[test]
    fn what_was_measured_replaces_what_stands_between_the_marks_and_nothing_else() {
        let [from, to] = MARKS;
        let page = format!("# One\n{from}old\n{to}## Two\n");
        let written = within_marks(&page, "new\n").unwrap();
        assert_eq!(written, format!("# One\n{from}new\n{to}## Two\n"));
        assert_eq!(within_marks(&written, "new\n").unwrap(), written);
        for without in ["", from, to] {
            assert!(within_marks(without, "new\n").is_err(), "{without}");
        }
    }
}
