//! Columns for people: as wide as what stands in them.

/// Rows under a head, two blanks between columns. Control characters in a cell (an upstream's, a file's) are shown as `?`.
pub fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let head = head.map(str::to_owned);
    let all: Vec<[String; N]> =
        std::iter::once(&head).chain(rows).map(|row| row.each_ref().map(|c| plain(c))).collect();
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    };
    all.iter().map(line).collect()
}

fn plain(cell: &str) -> String {
    cell.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let rows = [["prod", "role\x1b[2J"], ["a-long-name", "-"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(["NAME", "KIND"], &rows), "NAME         KIND\nprod         role?[2J\na-long-name  -\n");
    }
}
