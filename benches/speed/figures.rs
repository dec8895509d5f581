//! Medians, and the table that is printed.

use std::fmt;

/// The middle of some figures.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Pairs of floor and ours, as they were measured.
pub fn pairs(pairs: &[(f64, f64)]) -> String {
    pairs.iter().map(|(floor, ours)| format!("{floor:.0} {ours:.0}")).collect::<Vec<_>>().join(", ")
}

/// Rows of: what, the floor's figure, ours, the aim.
pub struct Table(Vec<[String; 4]>);

impl Table {
    pub fn new() -> Self {
        Self(vec![["", "floor", "Credenza", "aim"].map(str::to_owned)])
    }

    pub fn row(&mut self, what: &str, floor: Option<f64>, ours: f64, unit: &str, aim: &str) {
        let figure = |value: f64| {
            let text = if value.abs() >= 1000.0 { format!("{value:.0}") } else { format!("{value:.2}") };
            format!("{text} {unit}").trim_end().to_owned()
        };
        self.0.push([what.to_owned(), floor.map(figure).unwrap_or_default(), figure(ours), aim.to_owned()]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| self.0.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths = [0, 1, 2, 3].map(width);
        for (number, row) in self.0.iter().enumerate() {
            write!(f, "|")?;
            for (cell, width) in row.iter().zip(widths) {
                write!(f, " {cell:<width$} |")?;
            }
            writeln!(f)?;
            if number == 0 {
                writeln!(f, "|{}", widths.map(|width| format!("{}|", "-".repeat(width + 2))).concat())?;
            }
        }
        Ok(())
    }
}
