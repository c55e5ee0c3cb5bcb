//! Plain tables.

/// Aligns the cells in columns: the first flush left, the others flush right.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // a format's width ends at 65535
            let padding = " ".repeat(width - cell.chars().count());
            match column {
                0 => line += &format!("{cell}{padding}"),
                _ => line += &format!("  {padding}{cell}"),
            }
        }
        line.trim_end().to_string() + "\n"
    };
    rows.iter().map(line).collect()
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
}
