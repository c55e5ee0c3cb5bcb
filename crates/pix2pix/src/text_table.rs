//! Tables as plain text: cells in columns as wide as their widest cell, two spaces apart.

use std::iter;

use unicode_width::UnicodeWidthStr;

/// The rows of a table: the first column flush left, the others flush right.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let widths = widths(rows.iter().map(Vec::as_slice));
    let lines = rows.iter();
    lines
        .map(|row| line(row, &widths, |column| column > 0))
        .collect()
}

/// A table with headers between rules: the columns in `right` flush right, the others flush left.
pub fn headed<const N: usize>(
    headers: &[&str; N],
    rows: &[[String; N]],
    right: &[usize],
) -> String {
    let headers = headers.map(str::to_string);
    let widths = widths(iter::once(&headers).chain(rows).map(|row| row.as_slice()));
    let rule = "─".repeat(widths.iter().sum::<usize>() + 2 * (N - 1)) + "\n";
    let line = |row: &[String; N]| line(row, &widths, |column| right.contains(&column));
    let lines: String = rows.iter().map(line).collect();
    format!("{rule}{}{rule}{lines}{rule}", line(&headers))
}

/// The width of each column.
fn widths<'a>(rows: impl Iterator<Item = &'a [String]>) -> Vec<usize> {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    widths
}

/// A row in columns of these widths.
fn line(row: &[String], widths: &[usize], is_right: impl Fn(usize) -> bool) -> String {
    let mut cells = Vec::new();
    for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
        // a format's width ends at 65535
        let padding = " ".repeat(width - cell.width());
        cells.push(match is_right(column) {
            true => padding + cell,
            false => cell.clone() + &padding,
        });
    }
    format!("{}\n", cells.join("  ").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_any_length_are_aligned() {
        let long = "x".repeat(70_000);
        let rows = [["a", "1"], ["", &long]].map(|row| row.map(str::to_string).to_vec());
        let padding = " ".repeat(70_000 - 1);
        assert_eq!(aligned(&rows), format!("a  {padding}1\n   {long}\n"));
    }

    #[test]
    fn cells_under_headers_are_aligned() {
        let long = "x".repeat(70_000);
        let row = ["a", &long].map(str::to_string);
        let table = headed(&["é", "b"], &[row], &[1]);
        let padding = " ".repeat(70_000 - 1);
        let rule = "─".repeat(1 + 2 + 70_000);
        let lines: Vec<&str> = table.lines().collect();
        let expected = [
            &rule,
            &format!("é  {padding}b"),
            &rule,
            &format!("a  {long}"),
            &rule,
        ];
        assert_eq!(lines, expected);
    }

    /// Chinese characters take two columns of a terminal.
    #[test]
    fn cells_are_as_wide_as_they_are_shown() {
        let rows = [["数据集", "1"], ["runs", "2"]].map(|row| row.map(str::to_string).to_vec());
        assert_eq!(aligned(&rows), "数据集  1\nruns    2\n");
    }

    #[test]
    fn a_row_may_end_before_the_others() {
        let rows = [vec!["of"], vec!["a", "1", "12"], vec!["b", "234"]];
        let rows = rows.map(|row| row.into_iter().map(str::to_string).collect::<Vec<_>>());
        assert_eq!(aligned(&rows), "of\na     1  12\nb   234\n");
    }
}
